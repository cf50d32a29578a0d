//! A marker that no other session has, so that the server finds nothing of its prompt in a prefix cache.

use common::plan::CacheBust;
use endpoint::Turn;

/// Puts a session's marker into its first turn.
///
/// # Errors
/// When the turn has no text for it: its body or its messages are sent as they are.
pub(crate) fn mark(turn: &mut Turn, place: CacheBust, session: &str) -> Result<(), &'static str> {
    let marker = format!("[{session}]");
    let prefixed = |text: &str| format!("{marker} {text}");
    let suffixed = |text: &str| format!("{text} {marker}");
    if turn.payload.is_some() || turn.messages.is_some() {
        return Err("--cache-bust has no place in bodies and messages that are sent as they are");
    }
    let system = turn.system.take();
    let text = turn.texts.first_mut().and_then(|text| text.contents.first_mut());
    turn.system = match (place, system, text) {
        (CacheBust::SystemPrefix, Some(system), _) => Some(prefixed(&system)),
        (CacheBust::SystemSuffix, Some(system), _) => Some(suffixed(&system)),
        (CacheBust::SystemPrefix | CacheBust::SystemSuffix, None, _) => Some(marker),
        (CacheBust::FirstTurnPrefix, system, Some(text)) => {
            *text = prefixed(text);
            system
        }
        (CacheBust::FirstTurnSuffix, system, Some(text)) => {
            *text = suffixed(text);
            system
        }
        (CacheBust::FirstTurnPrefix | CacheBust::FirstTurnSuffix, _, None) => {
            return Err("--cache-bust has no place in a turn without text");
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(place: CacheBust, system: Option<&str>, expected: [Option<&str>; 2]) {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        turn.system = system.map(str::to_owned);
        mark(&mut turn, place, "7").unwrap();
        assert_eq!([turn.system.as_deref(), Some(&*turn.joined())], expected, "{place:?}");
    }

    #[test]
    fn the_marker_goes_where_it_is_wanted() {
        check(CacheBust::SystemPrefix, Some("be kind"), [Some("[7] be kind"), Some("hi")]);
        check(CacheBust::SystemSuffix, Some("be kind"), [Some("be kind [7]"), Some("hi")]);
        check(CacheBust::SystemPrefix, None, [Some("[7]"), Some("hi")]);
        check(CacheBust::FirstTurnPrefix, None, [None, Some("[7] hi")]);
        check(CacheBust::FirstTurnSuffix, Some("be kind"), [Some("be kind"), Some("hi [7]")]);
        let mut whole = Turn { payload: Some("{}".to_owned()), ..Turn::default() };
        assert!(mark(&mut whole, CacheBust::SystemPrefix, "7").is_err(), "what is sent as it is");
        let mut silent = Turn::default();
        assert!(mark(&mut silent, CacheBust::FirstTurnPrefix, "7").is_err(), "nothing said");
    }
}
