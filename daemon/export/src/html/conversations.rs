//! Conversations as HTML: each turn with the messages that were sent and the answer, folded. All texts are foreign, with their lines.

use super::sections::text;
use std::sync::Arc;
use store::visible;

/// A session of a run.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// Its name; foreign text.
    pub name: String,
    /// What it is, in a few words each; foreign text.
    pub facts: Vec<String>,
    /// Its turns, in order.
    pub turns: Vec<Turn>,
    /// How many further ones are not shown.
    pub hidden: usize,
}

/// A turn of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// Its number.
    pub number: u64,
    /// What it is, in a few words each; foreign text.
    pub facts: Vec<String>,
    /// Why it failed, if it did; foreign text.
    pub error: Option<String>,
    /// How many messages are the same as before, answers among them; they are not in `sent`.
    pub before: usize,
    /// The messages that were sent after those.
    pub sent: Vec<Message>,
    /// What was answered.
    pub received: Vec<Message>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Who wrote it, or what it is; foreign text.
    pub role: String,
    /// Its text, of many lines; foreign.
    pub text: Arc<str>,
    /// How many characters of it are not shown.
    pub hidden: usize,
}

/// Conversations, one below the other, the first of them unfolded.
pub(super) fn write(conversations: &[Conversation]) -> String {
    let mut html = String::new();
    for (place, conversation) in conversations.iter().enumerate() {
        let open = if place == 0 { " open" } else { "" };
        html.push_str(&format!(
            "<details class=\"conversation\"{open}><summary>{} <span class=\"muted\">{}</span></summary>\n",
            text(&conversation.name),
            text(&conversation.facts.join(" · "))
        ));
        conversation.turns.iter().enumerate().for_each(|(turn, of)| {
            write_turn(&mut html, of, if (place, turn) == (0, 0) { " open" } else { "" });
        });
        if conversation.hidden > 0 {
            html.push_str(&format!(
                "<p class=\"muted\">{} further turns are hidden.</p>\n",
                conversation.hidden
            ));
        }
        html.push_str("</details>\n");
    }
    html
}

fn write_turn(html: &mut String, turn: &Turn, open: &str) {
    let class = if turn.error.is_some() { "turn failed" } else { "turn" };
    html.push_str(&format!(
        "<details class=\"{class}\"{open}><summary>Turn {} <span class=\"muted\">{}</span></summary>\n",
        turn.number,
        text(&turn.facts.join(" · "))
    ));
    if let Some(error) = &turn.error {
        html.push_str(&format!("<p class=\"error\">{}</p>\n", text(error)));
    }
    match turn.before {
        0 => {}
        1 => html.push_str("<p class=\"muted\">1 message as before</p>\n"),
        count => html.push_str(&format!("<p class=\"muted\">{count} messages as before</p>\n")),
    }
    turn.sent.iter().for_each(|message| write_message(html, message, "sent"));
    turn.received.iter().for_each(|message| write_message(html, message, "received"));
    html.push_str("</details>\n");
}

fn write_message(html: &mut String, message: &Message, class: &str) {
    html.push_str(&format!("<div class=\"message {class}\"><h4>{}</h4><pre>", text(&message.role)));
    lines(html, &message.text);
    html.push_str("</pre>");
    if message.hidden > 0 {
        html.push_str(&format!("<p class=\"muted\">{} further characters are hidden.</p>", message.hidden));
    }
    html.push_str("</div>\n");
}

/// A foreign text with its lines and tabs; what would reorder or hide text is written as an escape.
fn lines(html: &mut String, text: &str) {
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            html.push('\n');
        }
        for (number, part) in line.trim_end_matches('\r').split('\t').enumerate() {
            if number > 0 {
                html.push('\t');
            }
            for one in visible(part).chars() {
                match one {
                    '&' => html.push_str("&amp;"),
                    '<' => html.push_str("&lt;"),
                    '>' => html.push_str("&gt;"),
                    '"' => html.push_str("&quot;"),
                    '\'' => html.push_str("&#39;"),
                    one => html.push(one),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_markup_is_text_and_lines_stay() {
        let message =
            Message { role: "<b>user".to_owned(), text: "</pre><script>\n\ta\u{202e}b".into(), hidden: 7 };
        let turn = Turn { before: 2, sent: vec![message], error: Some("<i>".to_owned()), ..Turn::default() };
        let conversation = Conversation {
            name: "\"><img>".to_owned(),
            turns: vec![turn],
            hidden: 3,
            ..Conversation::default()
        };
        let html = write(&[conversation]);
        for part in [
            "&lt;/pre&gt;&lt;script&gt;\n\ta\\u202eb</pre>",
            "&lt;b&gt;user",
            "&quot;&gt;&lt;img&gt;",
            "&lt;i&gt;",
            "2 messages as before",
            "3 further turns are hidden",
            "7 further characters are hidden",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    }
}
