"""Makes a randomly initialised Llama for a tokenizer: it answers nonsense, at the pace of a real server."""

import argparse

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)

# How GPT-2's byte-level BPE spells a space.
SPACE = "\u0120"

SIZES = {
    "tiny": {
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    },
    # About a billion parameters.
    "large": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", required=True, help="directory with the tokenizer")
    parser.add_argument("--out", required=True, help="directory to write the model to")
    parser.add_argument("--size", choices=SIZES, default="tiny", help="tiny for a CPU, large to keep a GPU busy")
    args = parser.parse_args()

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(args.tokenizer)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = CHAT_TEMPLATE
    if tokenizer.eos_token is None:
        tokenizer.add_special_tokens({"eos_token": "</s>"})
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        **SIZES[args.size],
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    prefer_words(model, tokenizer)
    if args.size == "large":
        model = model.to(torch.bfloat16)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)


def prefer_words(model: LlamaForCausalLM, tokenizer: AutoTokenizer) -> None:
    """The likeliest token is always a word, so an answer has as many tokens when it is counted as when it was made."""
    spelled = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    others = [place for place, token in enumerate(spelled) if not is_word(token)]
    if len(others) < len(spelled):
        with torch.no_grad():
            model.lm_head.weight[others] = 0


def is_word(token: str) -> bool:
    return token.startswith(SPACE) and token[1:].isascii() and token[1:].isalpha()


if __name__ == "__main__":
    main()
