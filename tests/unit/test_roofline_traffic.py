"""What a model's header says about the bytes and operations of a token."""

from __future__ import annotations

import pytest

from llamabuild.model.gguf_header import Header, Tensor
from llamabuild.model.traffic import traffic

EMBEDDING, HIDDEN, VOCABULARY, KV = 64, 128, 1000, 16


def tensor(name, *shape, kind="F16", size_of=2):
    elements = 1
    for length in shape:
        elements *= length
    return Tensor(name, kind, shape, elements, 0, elements * size_of)


def layer(number, **more):
    fields = {
        "attn_q": (EMBEDDING, EMBEDDING),
        "attn_k": (EMBEDDING, KV),
        "attn_v": (EMBEDDING, KV),
        "attn_output": (EMBEDDING, EMBEDDING),
        "ffn_up": (EMBEDDING, HIDDEN),
        "ffn_down": (HIDDEN, EMBEDDING),
    } | more
    return [tensor(f"blk.{number}.{name}.weight", *shape) for name, shape in fields.items()]


NORM = tensor("output_norm.weight", EMBEDDING, kind="F32", size_of=4)
TOKENS = tensor("token_embd.weight", EMBEDDING, VOCABULARY)
LAYER = 2 * EMBEDDING * EMBEDDING + 2 * EMBEDDING * KV + 2 * EMBEDDING * HIDDEN


def made(*tensors, layers=1, **values):
    header = Header(values={f"llama.{k}": v for k, v in values.items()}, tensors=list(tensors))
    return traffic(header, "llama", layers)


def test_a_tied_embedding_is_read_whole_and_one_row_more():
    found = made(TOKENS, NORM, *layer(0))
    row = 2 * EMBEDDING
    assert found["bytes_per_token"] == {
        "F16": 2 * LAYER + 2 * EMBEDDING * VOCABULARY + row,
        "F32": 4 * EMBEDDING,
    }
    assert found["operations_per_token"] == {"F16": 2 * (LAYER + EMBEDDING * VOCABULARY)}


def test_an_embedding_with_an_output_matrix_beside_it_is_read_one_row_of():
    output = tensor("output.weight", EMBEDDING, VOCABULARY, kind="Q6_K", size_of=1)
    found = made(TOKENS, output, *layer(0))
    assert found["bytes_per_token"] == {
        "F16": 2 * LAYER + 2 * EMBEDDING,
        "Q6_K": EMBEDDING * VOCABULARY,
    }
    assert found["operations_per_token"] == {
        "F16": 2 * LAYER,
        "Q6_K": 2 * EMBEDDING * VOCABULARY,
    }


def test_a_prompt_needs_logits_and_the_last_feed_forward_part_once():
    found = made(TOKENS, *layer(0), *layer(1), layers=2)
    last = 2 * EMBEDDING * HIDDEN + EMBEDDING * VOCABULARY
    assert found["last_token_operations"] == {"F16": 2 * last}
    assert found["operations_per_token"]["F16"] == 2 * (2 * LAYER + EMBEDDING * VOCABULARY)


def test_only_the_experts_in_use_count():
    experts = tensor("blk.0.ffn_up_exps.weight", EMBEDDING, HIDDEN, 8)
    shared = tensor("blk.0.ffn_up_shexp.weight", EMBEDDING, HIDDEN)
    found = made(experts, shared, expert_count=8, expert_used_count=2)
    assert found["bytes_per_token"] == {"F16": 3 * 2 * EMBEDDING * HIDDEN}
    assert found["operations_per_token"] == {"F16": 3 * 2 * EMBEDDING * HIDDEN}
    whole = made(experts, shared, expert_count=0, expert_used_count=2)
    assert whole["bytes_per_token"] == {"F16": 9 * 2 * EMBEDDING * HIDDEN}


def test_the_cache_and_the_queries_come_from_the_shapes():
    found = made(*layer(0), *layer(1), layers=2)
    assert found["kv_bytes_per_position"] == 2 * 2 * (KV + KV)
    assert found["attention_operations_per_position"] == 2 * 4 * EMBEDDING


def test_one_matrix_for_queries_keys_and_values_is_divided_by_the_heads():
    fused = tensor("blk.0.attn_qkv.weight", EMBEDDING, EMBEDDING + 2 * KV)
    known = {"attention.head_count": 4, "attention.head_count_kv": 1}
    found = made(fused, **known)
    assert found["kv_bytes_per_position"] == 2 * 2 * KV
    assert found["attention_operations_per_position"] == 4 * EMBEDDING
    assert made(fused)["kv_bytes_per_position"] == 0


@pytest.mark.parametrize("name", ["rope_freqs.weight", "blk.0.nextn.eh_proj.weight"])
def test_what_takes_no_part_does_not_count(name):
    assert made(tensor(name, EMBEDDING, EMBEDDING))["bytes_per_token"] == {}


def test_absurd_numbers_stay_finite_and_names_printable():
    hostile = tensor("a\x1b.weight", 1 << 31, 1 << 30, kind="type \n9", size_of=0)
    found = made(
        hostile,
        **{"attention.head_count": 1 << 63, "expert_count": -1, "expert_used_count": "x"},
    )
    assert found["operations_per_token"] == {"type ?9": 1 << 62}
