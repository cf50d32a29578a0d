//! Defines the public datasets by name: where each is available, and which prompts its rows contain.

use super::media::{self, data_uri};
use super::{Columns, exgentic};
use crate::plan::Refusal;
use serde_json::{Value, json};
use tokenizer::Tokenizer;

/// A known public dataset.
pub(super) struct PublicDataset {
    /// The name, as in AIPerf.
    pub(super) name: &'static str,
    /// Where it is available.
    pub(super) home: Home,
    /// The format that its rows are converted to.
    pub(super) format: &'static str,
    /// How its rows are converted.
    pub(super) rows: Rows,
}

/// Where a dataset is available.
pub(super) enum Home {
    /// A Hugging Face repository, and additional arguments of `hf download`.
    HuggingFace(&'static str, &'static str),
    /// A description of another place.
    Other(&'static str),
}

/// How rows of a dataset are converted to rows that are sent.
pub(super) enum Rows {
    /// Each row separately; `None` if it contains no usable prompt.
    Single(fn(&Columns, &Tokenizer) -> Option<Value>),
    /// Each row is a recorded session of several calls; these are the fields that sessions can be filtered by.
    Sessions(&'static [&'static str]),
}

impl PublicDataset {
    /// How to get a copy.
    pub(super) fn how_to_get(&self) -> String {
        match self.home {
            Home::HuggingFace(repository, more) => format!(
                "Get it by `hf download --repo-type dataset {repository}{more} --local-dir {}`",
                self.name
            ),
            Home::Other(place) => format!("Get it from {place}"),
        }
    }
}

/// The names of all datasets.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PUBLIC_DATASETS.iter().map(|known| known.name)
}

/// The dataset of a name.
pub(super) fn find(name: &str) -> Result<&'static PublicDataset, Refusal> {
    PUBLIC_DATASETS.iter().find(|known| known.name == name).ok_or_else(|| {
        let names = names().collect::<Vec<_>>().join(", ");
        Refusal(format!(
            "--public-dataset `{name}` is not supported; available: {names}. Use --input-file for any other dataset"
        ))
    })
}

const fn single(
    name: &'static str,
    repository: &'static str,
    row: fn(&Columns, &Tokenizer) -> Option<Value>,
) -> PublicDataset {
    let home = Home::HuggingFace(repository, "");
    PublicDataset { name, home, format: "single_turn", rows: Rows::Single(row) }
}

const fn sessions(name: &'static str, home: Home, filters: &'static [&'static str]) -> PublicDataset {
    PublicDataset { name, home, format: "mooncake_trace", rows: Rows::Sessions(filters) }
}

/// Every dataset. Columns are those of the datasets' own cards.
const PUBLIC_DATASETS: &[PublicDataset] = &[
    PublicDataset {
        format: "multi_turn",
        ..single("sharegpt", "anon8231489123/ShareGPT_Vicuna_unfiltered", sharegpt)
    },
    single("aimo", "AI-MO/aimo-validation-amc", problem),
    single("aimo_aime", "AI-MO/aimo-validation-aime", problem),
    single("aimo_numina_cot", "AI-MO/NuminaMath-CoT", problem),
    single("aimo_numina_1_5", "AI-MO/NuminaMath-1.5", problem),
    single("mmstar", "Lin-Chen/MMStar", mmstar),
    PublicDataset {
        home: Home::HuggingFace("yale-nlp/MMVU", " --include validation.json"),
        ..single("mmvu", "", mmvu)
    },
    single("vision_arena", "lmarena-ai/VisionArena-Chat", vision_arena),
    single("llava_onevision", "lmms-lab/LLaVA-OneVision-Data", llava_onevision),
    single("instruct_coder", "likaixin/InstructCoder", instruct_coder),
    single("blazedit_5k", "vdaita/edit_5k_char", blazedit),
    single("blazedit_10k", "vdaita/edit_10k_char", blazedit),
    single("spec_al_gsm8k", "openai/gsm8k", |row, _| prompt(row, "question")),
    single("spec_al_math500", "HuggingFaceH4/MATH-500", problem),
    single("spec_al_humaneval", "openai/openai_humaneval", |row, _| prompt(row, "prompt")),
    single("spec_al_mbpp", "google-research-datasets/mbpp", |row, _| {
        prompt(row, "text").or_else(|| prompt(row, "prompt"))
    }),
    single("librispeech", "openslr/librispeech_asr", speech),
    single("voxpopuli", "facebook/voxpopuli", speech),
    single("gigaspeech", "speechcolab/gigaspeech", speech),
    single("ami", "edinburghcstr/ami", speech),
    single("spgispeech", "kensho/spgispeech", speech),
    PublicDataset {
        format: "multi_turn",
        ..single("spec_al_mtbench", "HuggingFaceH4/mt_bench_prompts", |row, _| turns(row, "prompt"))
    },
    PublicDataset {
        home: Home::Other("hemingkx/Spec-Bench on GitHub (data/spec_bench/question.jsonl)"),
        format: "multi_turn",
        ..single("spec_bench", "", |row, _| turns(row, "turns"))
    },
    sessions(
        "exgentic",
        Home::HuggingFace(
            "Exgentic/agent-llm-traces",
            " --revision 70036b93a04e61b0ea2706a68b962f4f26774587",
        ),
        exgentic::FILTERS,
    ),
    sessions(
        "exgentic_v2",
        Home::HuggingFace(
            "Exgentic/agent-llm-traces-v2",
            " --revision 4b8ad4ab198438e5a170f9171c19c6a2cf7c1814",
        ),
        exgentic::FILTERS_V2,
    ),
];

fn text_of<'a>(row: &'a Columns, column: &str) -> Option<&'a str> {
    row.get(column)?.as_str().filter(|text| !text.is_empty())
}

fn prompt(row: &Columns, column: &str) -> Option<Value> {
    Some(json!({ "text": text_of(row, column)? }))
}

fn speech(row: &Columns, _: &Tokenizer) -> Option<Value> {
    Some(json!({ "audio": media::audio(row.get("audio")?)? }))
}

fn problem(row: &Columns, _: &Tokenizer) -> Option<Value> {
    prompt(row, "problem")
}

/// A list of texts, one per turn.
fn turns(row: &Columns, column: &str) -> Option<Value> {
    let texts = row.get(column)?.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let turns = texts.into_iter().map(|text| json!({ "text": text })).collect::<Vec<_>>();
    (!turns.is_empty()).then(|| json!({ "turns": turns }))
}

/// Every question with its response, one per turn, requesting as many tokens as the response had. Conversations that do not fit
/// the rule of vLLM's benchmark are left out: question and response have at least 4 tokens each, the question at most 1,024,
/// both together at most 2,048.
fn sharegpt(row: &Columns, tokenizer: &Tokenizer) -> Option<Value> {
    let turn = |(question, answer): (&str, &str)| {
        let (input, output) = (tokenizer.count(question), tokenizer.count(answer));
        let fits = input >= 4 && output >= 4 && input <= 1024 && input.saturating_add(output) <= 2048;
        fits.then(|| json!({ "text": question, "output_length": output }))
    };
    let exchanges = exchanges(row.get("conversations")?.as_array()?);
    let turns = exchanges.into_iter().map(turn).collect::<Option<Vec<_>>>()?;
    (!turns.is_empty()).then(|| json!({ "turns": turns }))
}

/// Questions with their responses: human messages directly followed by a model's. Without speaker names, the first two
/// messages.
fn exchanges(messages: &[Value]) -> Vec<(&str, &str)> {
    let named = messages.iter().filter_map(|message| Some((speaker(message)?, message))).collect::<Vec<_>>();
    let pairs = match (named.is_empty(), messages) {
        (true, [question, answer, ..]) => vec![(question, answer)],
        (true, _) => Vec::new(),
        (false, _) => {
            let pairs = named.windows(2).filter_map(|pair| match pair {
                [(Speaker::Human, question), (Speaker::Model, answer)] => Some((*question, *answer)),
                _ => None,
            });
            pairs.collect()
        }
    };
    pairs.into_iter().filter_map(|(question, answer)| Some((text(question)?, text(answer)?))).collect()
}

/// The text of a message, if it has any.
fn text(message: &Value) -> Option<&str> {
    message.get("value")?.as_str().filter(|text| !text.is_empty())
}

/// The speaker of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Human,
    Model,
}

/// The speaker of a message, by the names used in copies of ShareGPT; system prompts and tools are neither.
fn speaker(message: &Value) -> Option<Speaker> {
    match message.get("from")?.as_str()? {
        "human" | "user" => Some(Speaker::Human),
        "gpt" | "assistant" | "chatgpt" | "bing" | "bard" => Some(Speaker::Model),
        _ => None,
    }
}

fn mmstar(row: &Columns, _: &Tokenizer) -> Option<Value> {
    Some(json!({ "text": text_of(row, "question")?, "image": data_uri(row.get("image")?)? }))
}

/// The question about a video, with its choices formatted as in vLLM's benchmark.
fn mmvu(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let mut text = text_of(row, "question")?.to_owned();
    for (letter, choice) in row.get("choices").and_then(Value::as_object).into_iter().flatten() {
        if let Some(choice) = choice.as_str().filter(|choice| !choice.is_empty()) {
            text += &format!(" {letter}.{choice}");
        }
    }
    let video = row.get("video")?;
    let video = video.as_str().filter(|place| !place.is_empty()).map(str::to_owned);
    Some(json!({ "text": text, "video": video.or_else(|| media::video(row.get("video")?))? }))
}

/// The user's first message about the first image; each message is a list of its own.
fn vision_arena(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let messages = row.get("conversation")?.as_array()?.iter();
    let mut messages = messages.map(|message| message.get(0).unwrap_or(message));
    let text = messages.find(|message| message["role"] == "user")?["content"].as_str()?.trim();
    let images = row.get("images").and_then(Value::as_array).filter(|images| !images.is_empty());
    match images {
        _ if text.is_empty() => None,
        Some(images) => Some(json!({ "text": text, "image": images.iter().find_map(data_uri)? })),
        None => Some(json!({ "text": text })),
    }
}

fn llava_onevision(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let is_question =
        |message: &&Value| speaker(message) == Some(Speaker::Human) || message.get("from").is_none();
    let question = row.get("conversations")?.as_array()?.iter().find(is_question)?;
    let text = question.get("value")?.as_str()?.replace("<image>", "");
    let text = text.trim();
    match row.get("image").filter(|image| !image.is_null()) {
        Some(image) => Some(json!({ "text": text, "image": data_uri(image)? })),
        None => Some(json!({ "text": text })),
    }
}

/// The instruction, followed by its input.
fn instruct_coder(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let instruction = text_of(row, "instruction")?;
    Some(match text_of(row, "input") {
        Some(input) => json!({ "text": format!("{input}\n\n{instruction}") }),
        None => json!({ "text": instruction }),
    })
}

/// Source code, and the requested change.
fn blazedit(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let (code, change) = (text_of(row, "code")?, text_of(row, "change_request")?);
    Some(json!({ "text": format!("{change}\n\n```\n{code}\n```\n\nGive the whole changed code.") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, row: Value, expected: Option<Value>) {
        let known = find(name).unwrap();
        let Rows::Single(made) = known.rows else { panic!("{name} has sessions") };
        let made = made(row.as_object().unwrap(), &Tokenizer::builtin());
        assert_eq!(made, expected, "{name}: {row}");
    }

    #[test]
    fn rows_become_prompts() {
        let (question, answer) = ("How far is it to the moon?", "About 384,000 km.");
        let tokens = Tokenizer::builtin().count(answer);
        let turn = json!({"text": question, "output_length": tokens});
        let sharegpt = |messages: &[(&str, &str)], turns: usize| {
            let messages = messages.iter().map(|(from, value)| json!({"from": from, "value": value}));
            let row = json!({"id": "1", "conversations": messages.collect::<Vec<_>>()});
            let turns = vec![turn.clone(); turns];
            check("sharegpt", row, (!turns.is_empty()).then(|| json!({ "turns": turns })));
        };
        sharegpt(&[("human", question), ("gpt", answer)], 1);
        sharegpt(&[("human", question), ("gpt", answer), ("user", question), ("assistant", answer)], 2);
        sharegpt(&[("gpt", "before"), ("human", question), ("gpt", answer), ("human", "again?")], 1);
        sharegpt(&[("system", "be brief"), ("human", "first"), ("human", question), ("gpt", answer)], 1);
        sharegpt(&[("human", question), ("gpt", answer), ("human", "Hi"), ("gpt", answer)], 0);
        sharegpt(&[("gpt", answer), ("human", question)], 0);
        sharegpt(&[("human", ""), ("gpt", answer)], 0);
        check(
            "sharegpt",
            json!({"conversations": [{"value": question}, {"value": answer}]}),
            Some(json!({"turns": [turn]})),
        );
        check("sharegpt", json!({"conversations": [{"value": "Hi"}, {"value": answer}]}), None);
        check("sharegpt", json!({"conversations": [{"value": question}]}), None);
        let spoken = json!({"audio": {"bytes": "664c6143", "path": "a.flac"}, "text": "hello"});
        check("librispeech", spoken, Some(json!({"audio": "flac,ZkxhQw=="})));
        check("ami", json!({"audio": {"bytes": "00", "path": "a"}}), None);
        check("aimo_aime", json!({"problem": "1+1", "solution": "2"}), Some(json!({"text": "1+1"})));
        check("aimo_aime", json!({"question": "1+1"}), None);
        check("spec_al_mbpp", json!({"prompt": "write"}), Some(json!({"text": "write"})));
        check(
            "spec_bench",
            json!({"turns": ["a", "b"]}),
            Some(json!({"turns": [{"text": "a"}, {"text": "b"}]})),
        );
        check("spec_al_mtbench", json!({"prompt": []}), None);
        check(
            "instruct_coder",
            json!({"instruction": "sort", "input": "x"}),
            Some(json!({"text": "x\n\nsort"})),
        );
        let row = json!({"question": "what?", "image": {"bytes": "89504e47", "path": null}});
        check("mmstar", row, Some(json!({"text": "what?", "image": "data:image/png;base64,iVBORw=="})));
        let row = json!({"conversations": [{"from": "gpt", "value": "x"}, {"from": "human", "value": "<image>\nwhat?"}]});
        check("llava_onevision", row, Some(json!({"text": "what?"})));
        let row = json!({"conversations": [{"value": "<image>\nwhat?"}], "image": null});
        check("llava_onevision", row, Some(json!({"text": "what?"})));
        let url = "https://host/0.mp4";
        let row =
            json!({"video": url, "question": "what?", "choices": {"A": "x", "B": null, "C": "", "D": "y"}});
        check("mmvu", row, Some(json!({"text": "what? A.x D.y", "video": url})));
        let row = json!({"video": {"bytes": "0001", "path": "a.webm"}, "question": "what?"});
        check("mmvu", row, Some(json!({"text": "what?", "video": "data:video/webm;base64,AAE="})));
        check("mmvu", json!({"question": "what?"}), None);
        let image = json!({"bytes": "89504e47", "path": "a"});
        let messages =
            json!([[{"role": "user", "content": " what? "}], [{"role": "assistant", "content": "that"}]]);
        let row = json!({"conversation": messages, "images": [image]});
        check("vision_arena", row, Some(json!({"text": "what?", "image": "data:image/png;base64,iVBORw=="})));
        check("vision_arena", json!({"conversation": messages, "images": [{"bytes": "00"}]}), None);
        let get = |name| find(name).unwrap().how_to_get();
        assert!(
            get("mmvu").ends_with("yale-nlp/MMVU --include validation.json --local-dir mmvu`"),
            "{}",
            get("mmvu")
        );
        assert!(get("spec_bench").contains("on GitHub"), "{}", get("spec_bench"));
        assert!(
            find("unknown").is_err_and(|error| error.to_string().contains("sharegpt")),
            "the names are listed"
        );
    }
}
