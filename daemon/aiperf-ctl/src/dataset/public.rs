//! Public datasets by name: where each is to be had, and what of its rows is asked.

use super::Columns;
use super::media::{self, data_uri};
use crate::plan::Refusal;
use serde_json::{Value, json};
use tokenizer::Tokenizer;

/// A dataset that is known.
pub(super) struct PublicDataset {
    /// As AIPerf names it.
    pub(super) name: &'static str,
    /// Where it is to be had.
    pub(super) home: &'static str,
    /// What its rows become.
    pub(super) format: &'static str,
    /// A row; `None` if it can't be asked.
    pub(super) row: fn(&Columns, &Tokenizer) -> Option<Value>,
}

/// The dataset of a name.
pub(super) fn find(name: &str) -> Result<&'static PublicDataset, Refusal> {
    PUBLIC_DATASETS.iter().find(|known| known.name == name).ok_or_else(|| {
        let names = PUBLIC_DATASETS.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
        Refusal(format!(
            "--public-dataset `{name}` is not offered; there are: {names}. Any other can be brought by --input-file"
        ))
    })
}

const SINGLE: &str = "single_turn";
const MULTI: &str = "multi_turn";

const fn text(
    name: &'static str,
    home: &'static str,
    row: fn(&Columns, &Tokenizer) -> Option<Value>,
) -> PublicDataset {
    PublicDataset { name, home, format: SINGLE, row }
}

/// Every dataset. Columns are those of the datasets' own cards.
const PUBLIC_DATASETS: &[PublicDataset] = &[
    text("sharegpt", "anon8231489123/ShareGPT_Vicuna_unfiltered on Hugging Face", sharegpt),
    text("aimo", "AI-MO/aimo-validation-amc on Hugging Face", problem),
    text("aimo_aime", "AI-MO/aimo-validation-aime on Hugging Face", problem),
    text("aimo_numina_cot", "AI-MO/NuminaMath-CoT on Hugging Face", problem),
    text("aimo_numina_1_5", "AI-MO/NuminaMath-1.5 on Hugging Face", problem),
    text("mmstar", "Lin-Chen/MMStar on Hugging Face", mmstar),
    text("llava_onevision", "lmms-lab/LLaVA-OneVision-Data on Hugging Face", llava_onevision),
    text("instruct_coder", "likaixin/InstructCoder on Hugging Face", instruct_coder),
    text("blazedit_5k", "vdaita/edit_5k_char on Hugging Face", blazedit),
    text("blazedit_10k", "vdaita/edit_10k_char on Hugging Face", blazedit),
    text("spec_al_gsm8k", "openai/gsm8k on Hugging Face", |row, _| asked(row, "question")),
    text("spec_al_math500", "HuggingFaceH4/MATH-500 on Hugging Face", problem),
    text("spec_al_humaneval", "openai/openai_humaneval on Hugging Face", |row, _| asked(row, "prompt")),
    text("spec_al_mbpp", "google-research-datasets/mbpp on Hugging Face", |row, _| {
        asked(row, "text").or_else(|| asked(row, "prompt"))
    }),
    text("librispeech", "openslr/librispeech_asr on Hugging Face", speech),
    text("voxpopuli", "facebook/voxpopuli on Hugging Face", speech),
    text("gigaspeech", "speechcolab/gigaspeech on Hugging Face", speech),
    text("ami", "edinburghcstr/ami on Hugging Face", speech),
    text("spgispeech", "kensho/spgispeech on Hugging Face", speech),
    PublicDataset {
        name: "spec_al_mtbench",
        home: "HuggingFaceH4/mt_bench_prompts on Hugging Face",
        format: MULTI,
        row: |row, _| turns(row, "prompt"),
    },
    PublicDataset {
        name: "spec_bench",
        home: "hemingkx/Spec-Bench on GitHub (data/spec_bench/question.jsonl)",
        format: MULTI,
        row: |row, _| turns(row, "turns"),
    },
];

fn said<'a>(row: &'a Columns, column: &str) -> Option<&'a str> {
    row.get(column)?.as_str().filter(|text| !text.is_empty())
}

fn asked(row: &Columns, column: &str) -> Option<Value> {
    Some(json!({ "text": said(row, column)? }))
}

fn speech(row: &Columns, _: &Tokenizer) -> Option<Value> {
    Some(json!({ "audio": media::sound(row.get("audio")?)? }))
}

fn problem(row: &Columns, _: &Tokenizer) -> Option<Value> {
    asked(row, "problem")
}

/// A list of texts, each a turn.
fn turns(row: &Columns, column: &str) -> Option<Value> {
    let texts = row.get(column)?.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
    let turns = texts.into_iter().map(|text| json!({ "text": text })).collect::<Vec<_>>();
    (!turns.is_empty()).then(|| json!({ "turns": turns }))
}

/// The first question with as many tokens as its answer had, by the rule of vLLM's benchmark: neither of less than 4
/// tokens, the question of at most 1,024, both of at most 2,048.
fn sharegpt(row: &Columns, tokenizer: &Tokenizer) -> Option<Value> {
    let said = row.get("conversations")?.as_array()?;
    let value = |place: usize| said.get(place)?.get("value")?.as_str();
    let (question, answer) = (value(0)?, value(1)?);
    let (input, output) = (tokenizer.count(question), tokenizer.count(answer));
    let fits = input >= 4 && output >= 4 && input <= 1024 && input + output <= 2048;
    fits.then(|| json!({ "text": question, "output_length": output }))
}

fn mmstar(row: &Columns, _: &Tokenizer) -> Option<Value> {
    Some(json!({ "text": said(row, "question")?, "image": data_uri(row.get("image")?)? }))
}

fn llava_onevision(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let first = row.get("conversations")?.as_array()?.first()?;
    let text = first.get("value")?.as_str()?.replace("<image>", "");
    let text = text.trim();
    match row.get("image").filter(|image| !image.is_null()) {
        Some(image) => Some(json!({ "text": text, "image": data_uri(image)? })),
        None => Some(json!({ "text": text })),
    }
}

/// What to do, then what to do it to.
fn instruct_coder(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let instruction = said(row, "instruction")?;
    Some(match said(row, "input") {
        Some(input) => json!({ "text": format!("{input}\n\n{instruction}") }),
        None => json!({ "text": instruction }),
    })
}

/// Code, and what is to be changed of it.
fn blazedit(row: &Columns, _: &Tokenizer) -> Option<Value> {
    let (code, change) = (said(row, "code")?, said(row, "change_request")?);
    Some(json!({ "text": format!("{change}\n\n```\n{code}\n```\n\nGive the whole changed code.") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, row: Value, expected: Option<Value>) {
        let known = find(name).unwrap();
        let made = (known.row)(row.as_object().unwrap(), &Tokenizer::builtin());
        assert_eq!(made, expected, "{name}: {row}");
    }

    #[test]
    fn rows_become_what_is_asked() {
        let (question, answer) = ("How far is it to the moon?", "About 384,000 km.");
        let row = json!({"id": "1", "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]});
        let tokens = Tokenizer::builtin().count(answer);
        check("sharegpt", row, Some(json!({"text": question, "output_length": tokens})));
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
        let row = json!({"conversations": [{"value": "<image>\nwhat?"}], "image": null});
        check("llava_onevision", row, Some(json!({"text": "what?"})));
        assert!(
            find("nobody").is_err_and(|error| error.to_string().contains("sharegpt")),
            "the names are told"
        );
    }
}
