//! Keys, and the view that they select: AIPerf's.
//!
//! They are read here and not by a library's reader, which waits for the rest of an escape sequence that never comes.

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// The panel that has the whole screen, if one does.
    pub(super) whole: Option<Panel>,
    /// Whether the overview has no log.
    pub(super) hides_log: bool,
}

/// A part of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Panel {
    Progress,
    Metrics,
    Workers,
    Gpu,
    Log,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Another view.
    View(Change),
    /// The log is copied to the clipboard.
    Copy,
    /// The screen is saved.
    Picture,
}

/// How a view changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Overview,
    /// This panel alone, or the overview if it is alone.
    Toggle(Panel),
    ToggleLog,
}

impl View {
    /// Changes it.
    pub(super) fn change(&mut self, change: Change) {
        match change {
            Change::Overview => self.whole = None,
            Change::Toggle(panel) => self.whole = (self.whole != Some(panel)).then_some(panel),
            Change::ToggleLog => self.hides_log = !self.hides_log,
        }
    }
}

/// What the keys do, of what was typed at once.
pub(super) fn actions(typed: &[u8]) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut rest = typed;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == ESCAPE && !after.is_empty() {
            rest = after_sequence(after);
            continue;
        }
        actions.extend(action(*first));
    }
    actions
}

fn action(key: u8) -> Option<Action> {
    Some(match key {
        b'1' | ESCAPE => Action::View(Change::Overview),
        b'2' => Action::View(Change::Toggle(Panel::Progress)),
        b'3' => Action::View(Change::Toggle(Panel::Metrics)),
        b'4' => Action::View(Change::Toggle(Panel::Workers)),
        b'5' => Action::View(Change::Toggle(Panel::Gpu)),
        b'6' => Action::View(Change::Toggle(Panel::Log)),
        b'l' => Action::View(Change::ToggleLog),
        b'c' => Action::Copy,
        CTRL_S => Action::Picture,
        _ => return None,
    })
}

/// What follows the escape sequence of a key that has no meaning here, such as an arrow.
fn after_sequence(rest: &[u8]) -> &[u8] {
    match rest {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte));
            end.map_or(&[], |end| &rest[end + 1..])
        }
        [b'O', _, rest @ ..] | [_, rest @ ..] => rest,
        [] => rest,
    }
}

const ESCAPE: u8 = 0x1b;
const CTRL_S: u8 = 0x13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_meaning_and_sequences_have_none() {
        let check = |typed: &[u8], expected: &[Action]| {
            assert_eq!(actions(typed), expected, "{}", typed.escape_ascii());
        };
        check(b"3", &[Action::View(Change::Toggle(Panel::Metrics))]);
        check(b"lc\x13", &[Action::View(Change::ToggleLog), Action::Copy, Action::Picture]);
        check(b"\x1b", &[Action::View(Change::Overview)]);
        check(b"\x1b[A\x1b[1;5C\x1bOPx2", &[Action::View(Change::Toggle(Panel::Progress))]);
        check(b"\x1b[", &[]);
        check(b"\x1b[200~", &[]);
        check("é".as_bytes(), &[]);
    }

    #[test]
    fn a_panel_is_maximized_and_restored() {
        let mut view = View::default();
        view.change(Change::Toggle(Panel::Log));
        assert_eq!(view.whole, Some(Panel::Log));
        view.change(Change::Toggle(Panel::Gpu));
        assert_eq!(view.whole, Some(Panel::Gpu), "another one");
        view.change(Change::Toggle(Panel::Gpu));
        assert_eq!(view.whole, None, "the same key again");
        view.change(Change::ToggleLog);
        assert!(view.hides_log);
    }
}
