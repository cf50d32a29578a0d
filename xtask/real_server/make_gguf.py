"""Makes a randomly initialised Llama in GGUF for a tokenizer, as make_model.py does for Python's servers."""

import argparse
import json
import pathlib
import shutil

import gguf
import numpy

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
HIDDEN, INNER, LAYERS, HEADS, CONTEXT = 128, 256, 2, 2, 2048
# How GPT-2's byte-level BPE spells a space.
SPACE = "\u0120"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", required=True, type=pathlib.Path, help="directory with the tokenizer")
    parser.add_argument(
        "--out", required=True, type=pathlib.Path, help="directory to write model.gguf and its tokenizer to"
    )
    args = parser.parse_args()
    tokenizer = json.loads((args.tokenizer / "tokenizer.json").read_text())
    settings = json.loads((args.tokenizer / "tokenizer_config.json").read_text())
    if tokenizer["model"]["type"] != "BPE":
        parser.error("the tokenizer must be a byte-level BPE")
    settings.setdefault("chat_template", CHAT_TEMPLATE)
    tokens = {**tokenizer["model"]["vocab"], **{it["content"]: it["id"] for it in tokenizer["added_tokens"]}}
    spelled = sorted(tokens, key=tokens.get)

    args.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(args.tokenizer / "tokenizer.json", args.out)
    (args.out / "tokenizer_config.json").write_text(json.dumps(settings))
    writer = gguf.GGUFWriter(args.out / "model.gguf", "llama")
    add_sizes(writer, len(spelled))
    add_tokenizer(writer, tokenizer, settings, tokens, spelled)
    add_weights(writer, spelled)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_sizes(writer: gguf.GGUFWriter, tokens: int) -> None:
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(tokens)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict, settings: dict, tokens: dict, spelled: list) -> None:
    special = {it["content"] for it in tokenizer["added_tokens"] if it["special"]}
    kinds = [gguf.TokenType.CONTROL if it in special else gguf.TokenType.NORMAL for it in spelled]
    merges = [it if isinstance(it, str) else " ".join(it) for it in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(spelled)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    for name, add in [("bos_token", writer.add_bos_token_id), ("eos_token", writer.add_eos_token_id)]:
        if settings.get(name) in tokens:
            add(tokens[settings[name]])
    writer.add_add_bos_token(False)
    writer.add_chat_template(settings["chat_template"])


def add_weights(writer: gguf.GGUFWriter, spelled: list) -> None:
    random = numpy.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.02, shape).astype(numpy.float32))

    def add_norm(name: str) -> None:
        writer.add_tensor(name, numpy.ones(HIDDEN, dtype=numpy.float32))

    add("token_embd.weight", len(spelled), HIDDEN)
    add_norm("output_norm.weight")
    head = random.normal(0, 0.02, (len(spelled), HIDDEN)).astype(numpy.float32)
    # The likeliest token is always a word, so an answer has as many tokens when it is counted as when it was made.
    head[[not is_word(it) for it in spelled]] = 0
    writer.add_tensor("output.weight", head)
    for layer in range(LAYERS):
        add_norm(f"blk.{layer}.attn_norm.weight")
        add_norm(f"blk.{layer}.ffn_norm.weight")
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"]:
            add(f"blk.{layer}.{part}.weight", HIDDEN, HIDDEN)
        add(f"blk.{layer}.ffn_gate.weight", INNER, HIDDEN)
        add(f"blk.{layer}.ffn_up.weight", INNER, HIDDEN)
        add(f"blk.{layer}.ffn_down.weight", HIDDEN, INNER)


def is_word(token: str) -> bool:
    return token.startswith(SPACE) and token[1:].isascii() and token[1:].isalpha()


if __name__ == "__main__":
    main()
