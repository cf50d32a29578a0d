//! Markers in prompts, so that a server finds nothing of them in its prefix cache: one for each session, or one that all
//! requests of a warm-up share and no others have.

use endpoint::{Metadata, Turn};
use serde_json::Value;
use spec::CacheBust;

/// The markers of a run.
#[derive(Clone, Copy, Debug)]
pub struct Markers {
    place: CacheBust,
    run_number: u64,
}

impl Markers {
    /// For an endpoint; one without system prompts has them in the first turn.
    #[must_use]
    pub const fn new(place: CacheBust, endpoint: &Metadata, run_number: u64) -> Self {
        let place = if endpoint.consumes_system_message { place } else { place.in_first_turn() };
        Self { place, run_number }
    }

    /// Whether each session has its own.
    #[must_use]
    pub const fn are_of_sessions(&self) -> bool {
        !self.place.isolates_warmup()
    }

    /// Puts a session's marker into a turn that nothing is sent before; does nothing where only the warm-up has one.
    ///
    /// # Errors
    /// When the turn has no text for it: its body is sent as it is.
    pub fn mark_session(&self, turn: &mut Turn, session: u64) -> Result<(), &'static str> {
        if !self.are_of_sessions() {
            return Ok(());
        }
        // A product with an odd number is another one for each session.
        let digest = session.wrapping_mul(GOLDEN) ^ self.run_number;
        mark(turn, self.place, &format!("[rid:{:012x}]", digest & 0xffff_ffff_ffff))
    }

    /// Puts the warm-up's marker into a turn that nothing is sent before.
    ///
    /// # Errors
    /// As [`Markers::mark_session`].
    pub fn mark_warmup(&self, turn: &mut Turn) -> Result<(), &'static str> {
        mark(turn, self.place, "[warmup]")
    }

    /// Whether a turn can be marked.
    ///
    /// # Errors
    /// When it can't.
    pub fn check(&self, turn: &Turn) -> Result<(), &'static str> {
        mark(&mut turn.clone(), self.place, "")
    }
}

/// A turn without a system prompt is marked at the start of the user's text.
fn mark(turn: &mut Turn, place: CacheBust, marker: &str) -> Result<(), &'static str> {
    let is_suffix = matches!(place, CacheBust::SystemSuffix | CacheBust::FirstTurnSuffix);
    let marked = |text: &str| {
        if is_suffix { format!("{text}\n\n{marker}") } else { format!("{marker}\n\n{text}") }
    };
    if turn.payload.is_some() {
        return Err("--cache-bust has no place in bodies that are sent as they are");
    }
    if place != place.in_first_turn() {
        let theirs = turn.messages.iter_mut().flatten().find(|message| message["role"] == "system");
        let theirs = theirs.and_then(|message| text_of(&mut message["content"]));
        if let Some(system) = turn.system.as_mut().or(theirs) {
            *system = marked(system);
            return Ok(());
        }
    }
    let message = turn.messages.iter_mut().flatten().find(|message| message["role"] == "user");
    let text = match message {
        Some(message) => text_of(&mut message["content"]),
        None => turn.texts.first_mut().and_then(|text| text.contents.first_mut()),
    };
    let text = text.ok_or("--cache-bust has no place in a turn without text")?;
    *text = marked(text);
    Ok(())
}

/// The first text of a message.
fn text_of(content: &mut Value) -> Option<&mut String> {
    let text = match content {
        Value::Array(parts) => parts.iter_mut().find_map(|part| part.get_mut("text")),
        content => Some(content),
    };
    match text {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// 2^64 divided by the golden ratio: neighbours lie far apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(place: CacheBust, system: Option<&str>, expected: [Option<&str>; 2]) {
        let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
        turn.system = system.map(str::to_owned);
        mark(&mut turn, place, "[7]").unwrap();
        assert_eq!([turn.system.as_deref(), Some(&*turn.joined())], expected, "{place:?}");
    }

    #[test]
    fn the_marker_is_placed_where_configured() {
        check(CacheBust::SystemPrefix, Some("be kind"), [Some("[7]\n\nbe kind"), Some("hi")]);
        check(CacheBust::SystemSuffix, Some("be kind"), [Some("be kind\n\n[7]"), Some("hi")]);
        check(CacheBust::SystemPrefix, None, [None, Some("[7]\n\nhi")]);
        check(CacheBust::FirstTurnPrefix, None, [None, Some("[7]\n\nhi")]);
        check(CacheBust::FirstTurnSuffix, Some("be kind"), [Some("be kind"), Some("hi\n\n[7]")]);
        check(CacheBust::WarmupIsolationSystem, Some("be kind"), [Some("[7]\n\nbe kind"), Some("hi")]);
        check(CacheBust::WarmupIsolationFirstTurn, Some("be kind"), [Some("be kind"), Some("[7]\n\nhi")]);
        let mut whole = Turn { payload: Some("{}".to_owned()), ..Turn::default() };
        assert!(mark(&mut whole, CacheBust::SystemPrefix, "7").is_err(), "what is sent as it is");
        let mut silent = Turn::default();
        assert!(mark(&mut silent, CacheBust::FirstTurnPrefix, "7").is_err(), "no text");
    }

    #[test]
    fn messages_are_marked_too() {
        let check = |place: CacheBust, expected: Value| {
            let messages = json!([
                {"role": "system", "content": "be kind"},
                {"role": "user", "content": [{"type": "image_url"}, {"type": "text", "text": "hi"}]},
            ]);
            let mut turn = Turn { messages: messages.as_array().cloned(), ..Turn::default() };
            mark(&mut turn, place, "[7]").unwrap();
            let messages = turn.messages.unwrap();
            assert_eq!(
                json!([messages[0]["content"], messages[1]["content"][1]["text"]]),
                expected,
                "{place:?}"
            );
        };
        check(CacheBust::SystemPrefix, json!(["[7]\n\nbe kind", "hi"]));
        check(CacheBust::FirstTurnPrefix, json!(["be kind", "[7]\n\nhi"]));
    }

    #[test]
    fn no_two_sessions_have_the_same_one() {
        let metadata = endpoint::by_name("completions").unwrap().metadata();
        let text = |place, session| {
            let mut turn = Turn::user("hi".to_owned(), "m".to_owned());
            turn.system = Some("be kind".to_owned());
            Markers::new(place, metadata, 9).mark_session(&mut turn, session).unwrap();
            turn.joined()
        };
        let texts = (0..1000).map(|session| text(CacheBust::SystemPrefix, session));
        let different = texts.collect::<std::collections::HashSet<_>>();
        assert_eq!(different.len(), 1000, "where the endpoint sends them");
        assert_eq!(text(CacheBust::WarmupIsolationFirstTurn, 1), "hi", "only the warm-up has a marker");
    }
}
