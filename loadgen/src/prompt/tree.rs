//! Which conversations start others: parents and children, checked before the first request.

use super::Problem;
use super::conversation::Branch;
use super::dataset::Named;
use rustc_hash::FxHashMap;

/// The branches of a dataset. Conversations that start by themselves precede their children.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// The place of each conversation in the dataset; empty if there are no branches.
    order: Vec<u32>,
    roots: usize,
    /// The branches of each conversation, by its place in the dataset.
    branches: FxHashMap<u32, Vec<Branch>>,
}

/// A branch as its row has it.
#[derive(Debug)]
pub(super) struct Link {
    /// The row's line, from 1.
    pub(super) line: u64,
    /// The parent's place in the dataset.
    pub(super) parent: u32,
    pub(super) named: Named,
}

impl Trees {
    /// The trees of `count` conversations, whose children `find` knows by name.
    pub(super) fn new(
        links: Vec<Link>,
        count: usize,
        find: impl Fn(&str) -> Option<u32>,
    ) -> Result<Self, Problem> {
        if links.is_empty() {
            return Ok(Self::default());
        }
        let mut parent = vec![None; count];
        let mut children = Vec::with_capacity(links.len());
        for link in &links {
            let wrong =
                |why: &str| Problem::Row { line: link.line, problem: format!("{}: {why}", link.named.place) };
            let child = find(&link.named.child)
                .ok_or_else(|| wrong(&format!("there is no conversation `{}`", link.named.child)))?;
            if parent[child as usize].replace(link.parent).is_some() {
                return Err(wrong(&format!("`{}` is started by another turn too", link.named.child)));
            }
            children.push(child);
        }
        let numbers = || 0..u32::try_from(count).unwrap_or(u32::MAX);
        let mut order = numbers().filter(|place| parent[*place as usize].is_none()).collect::<Vec<_>>();
        let roots = order.len();
        order.extend(numbers().filter(|place| parent[*place as usize].is_some()));
        let mut places = vec![0; count];
        for (place, number) in order.iter().enumerate() {
            places[*number as usize] = place;
        }
        let mut branches = FxHashMap::<u32, Vec<Branch>>::default();
        for (link, child) in links.iter().zip(&children) {
            let Named { after, kind, .. } = link.named;
            let branch = Branch { after, child: places[*child as usize], kind };
            branches.entry(link.parent).or_default().push(branch);
        }
        let trees = Self { order, roots, branches };
        if trees.reached() < count {
            let first = &links[0];
            let why = "conversations start each other in a cycle".to_owned();
            return Err(Problem::Row { line: first.line, problem: format!("{}: {why}", first.named.place) });
        }
        Ok(trees)
    }

    /// How many conversations are started, directly or by others.
    fn reached(&self) -> usize {
        let mut reached = self.roots;
        let mut next = (0..self.roots).collect::<Vec<_>>();
        while let Some(place) = next.pop() {
            let children = self.branches(self.number(place)).iter().map(|branch| branch.child);
            let before = next.len();
            next.extend(children);
            reached += next.len() - before;
        }
        reached
    }

    /// How many conversations of `count` start by themselves.
    pub(super) fn roots(&self, count: usize) -> usize {
        if self.order.is_empty() { count } else { self.roots }
    }

    /// A conversation's place in the dataset.
    pub(super) fn number(&self, place: usize) -> u32 {
        self.order.get(place).copied().unwrap_or_else(|| u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// What a conversation starts, by its place in the dataset.
    pub(super) fn branches(&self, number: u32) -> &[Branch] {
        self.branches.get(&number).map(Vec::as_slice).unwrap_or_default()
    }
}
