"""Makes cases.json: chat templates, and what transformers renders of them. Takes `pip install transformers jinja2`.

usage: python make.py > cases.json
"""
import json
import sys

from transformers.utils.chat_template_utils import render_jinja_template

USER = {"role": "user", "content": "How much is 1 < 2 & \"3\"?\nGr\u00fc\u00dfe \U0001f980 \u2028"}
TALK = [{"role": "system", "content": "Be brief."}, USER, {"role": "assistant", "content": "4"}, {"role": "user", "content": " and? "}]
TOOLS = [{"type": "function", "function": {"name": "zip_code", "description": "of a <town>", "parameters": {
    "type": "object", "properties": {"town": {"type": "string"}, "area": {"type": "number", "default": 1.0, "maximum": 1e22}},
    "required": ["town"], "strict": True, "examples": [None, 0.00001, -7, []]}}}]
CALL = [USER, {"role": "assistant", "content": None, "tool_calls": [
    {"type": "function", "function": {"name": "zip_code", "arguments": {"town": "K\u00f6ln", "area": 2.5}}}]},
    {"role": "tool", "content": "50667"}]
LOOP = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>\n{% endfor %}"

CASES = [
    ("plain", LOOP + "{% if add_generation_prompt %}<|assistant|>{% endif %}", TALK, None, {}),
    ("blocks are trimmed", "{%- for message in messages %}\n    {%- if loop.first %}\n  first\n    {% endif %}\n  {{ message['content'] | trim }}\n{% endfor %}\nend\n", TALK, None, {}),
    ("special tokens", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}{% if unk_token is defined %}x{% endif %}", TALK, None, {"bos_token": "<s>", "eos_token": "</s>"}),
    ("tojson keeps order and escapes nothing for HTML", "{{ tools | tojson }}{{ messages[0] | tojson }}", [USER], TOOLS, {}),
    ("tojson with indent", "{% for tool in tools %}{{ tool | tojson(indent=4) }}\n{% endfor %}", [USER], TOOLS, {}),
    ("tojson with options", "{{ tools | tojson(ensure_ascii=true, sort_keys=true) }}{{ messages[0] | tojson(separators=(',', ':')) }}{{ messages | tojson(ensure_ascii=True, indent=2) }}", [USER], TOOLS, {}),
    ("tojson of what is empty", "{{ [] | tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ none | tojson }}{{ true | tojson }}{{ '' | tojson }}", TALK, None, {}),
    ("values are shown as Python shows them", "{{ true }} {{ false }} {{ none }} {{ 1.0 }} {{ 1e22 }} {{ 0.00001 }} {{ 12 }} {{ [1, 'a', none, \"it's\", 2.5] }} {{ {'k': true} }}", TALK, None, {}),
    ("lists and objects are shown as Python shows them", "{{ tools }}", [USER], TOOLS, {}),
    ("string", "{{ (true | string) + (none | string) + (1.0 | string) + ([1, 'x'] | string) }}", TALK, None, {}),
    ("generation", "{% for message in messages %}{% if message.role == 'assistant' %}{% generation %}{{ message.content }}<|end|>{% endgeneration %}\n{% else %}[{{ message.content }}]{% endif %}{% endfor %}", TALK, None, {}),
    ("generation with dashes", "{%- for message in messages -%}\n  {%- generation -%}\n  {{ message.content }}\n  {%- endgeneration -%}\n  {%- endfor -%}", TALK, None, {}),
    ("break and continue", "{% for message in messages %}{% if message.role == 'system' %}{% continue %}{% endif %}{{ message.role }};{% if message.role == 'assistant' %}{% break %}{% endif %}{% endfor %}", TALK, None, {}),
    ("a date has its length", "{{ strftime_now('%d %b %Y') | length }} {{ strftime_now('%Y-%m-%dT%H:%M:%S') | length }}", TALK, None, {}),
    ("methods of texts", "{{ 'abc'.removeprefix('a').removesuffix('c') }} {{ 'a:b:c'.split(':')[-1] }} {{ 'a b'.title() }} {{ ' x '.strip() }} {{ 'a-b'.partition('-')[2] }} {{ 'ab'.startswith('a') }}", TALK, None, {}),
    ("tool calls", "{% for message in messages %}{% if message.tool_calls %}{% for call in message.tool_calls %}<tool_call>\n{\"name\": \"{{ call.function.name }}\", \"arguments\": {{ call.function.arguments | tojson }}}\n</tool_call>{% endfor %}{% else %}{{ message.content }}{% endif %}{% endfor %}", CALL, TOOLS, {}),
    ("namespaces and slices", "{% set ns = namespace(found=false, last='') %}{% for message in messages[::-1] %}{% if not ns.found and message.role == 'user' %}{% set ns.found = true %}{% set ns.last = message.content %}{% endif %}{% endfor %}{{ ns.found }}{{ ns.last | trim }}{{ messages[1:] | length }}", TALK, None, {}),
    ("items of objects in their order", "{% if tools %}{% for key, value in tools[0].function.parameters.properties.items() %}{{ key }}={{ value.type }};{% endfor %}{% for key in tools[0].function | list %}{{ key }},{% endfor %}{% endif %}", [USER], TOOLS, {}),
    ("macros", "{% macro shown(message, prefix='') %}{{ prefix }}{{ message.role | upper }}: {{ message.content }}\n{% endmacro %}{% for message in messages %}{{ shown(message, prefix='> ') }}{% endfor %}", TALK, None, {}),
]

cases = []
for name, template, messages, tools, tokens in CASES:
    rendered, _ = render_jinja_template([messages], tools=tools, chat_template=template, add_generation_prompt=True, **tokens)
    cases.append({"name": name, "template": template, "messages": messages, "tools": tools, "tokens": tokens, "expected": rendered[0]})
json.dump(cases, sys.stdout, ensure_ascii=False, indent=1)
print()
