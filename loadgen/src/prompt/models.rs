//! Which of the plan's models a conversation uses.

use super::{draw, mixed};
use rand::RngExt;
use spec::ModelChoice;

/// The models of a plan and how one is chosen: by the conversation's place and the seed alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Models {
    names: Vec<String>,
    choice: ModelChoice,
    seed: u64,
}

impl Models {
    pub(super) fn new(endpoint: &spec::Endpoint, seed: u64) -> Self {
        Self { names: endpoint.models.clone(), choice: endpoint.model_choice.clone(), seed }
    }

    /// The model of the conversation at a place; empty if there is none.
    pub(super) fn of(&self, place: usize) -> &str {
        let count = self.names.len();
        let mut generator = draw::generator(mixed(self.seed, place as u64), draw::MODEL);
        let chosen = match &self.choice {
            _ if count == 0 => return "",
            ModelChoice::RoundRobin => place % count,
            ModelChoice::Random => generator.random_range(0..count),
            ModelChoice::Weighted { weights } => {
                let drawn = generator.random_range(0.0..1.0) * weights.iter().sum::<f64>();
                let mut below = 0.0;
                let found = weights.iter().position(|weight| {
                    below += weight;
                    drawn < below
                });
                found.unwrap_or(count - 1).min(count - 1)
            }
        };
        &self.names[chosen]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(choice: ModelChoice) -> [usize; 2] {
        let models = Models { names: vec!["a".to_owned(), "b".to_owned()], choice, seed: 7 };
        let first = (0..1000).filter(|place| models.of(*place) == "a").count();
        [first, 1000 - first]
    }

    #[test]
    fn models_are_chosen_by_the_plan() {
        assert_eq!(counts(ModelChoice::RoundRobin), [500, 500], "they take turns");
        let [first, _] = counts(ModelChoice::Random);
        assert!((430..570).contains(&first), "{first} of 1000, all as likely");
        let [first, _] = counts(ModelChoice::Weighted { weights: vec![3.0, 1.0] });
        assert!((690..810).contains(&first), "{first} of 1000 by weight");
    }
}
