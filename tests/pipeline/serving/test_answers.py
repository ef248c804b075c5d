"""Bad answers become named outcomes; scores are those of constrained decoding."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from pipeline.serving.answers import Reply, Token, option_scores, read_answer, read_reply, strip_fence
from pipeline.serving.contract import AnswerForm, Choice, Line, Structured
from pipeline.serving.dialects import dialect_of, gbnf_choice


class Category(BaseModel):
    """An object that the model writes."""

    model_config = ConfigDict(extra="forbid")
    name: str
    items: list[int]


GOOD = '{"name": "oil", "items": [1, 2]}'
LABELS = Choice(("oil", "oil price", "trade"))


@pytest.mark.parametrize(
    ("form", "text", "finish", "outcome"),
    [
        (LABELS, "oil", "stop", "ok"),
        (LABELS, "<think>trade or oil?</think>\n\noil", "stop", "ok"),
        (LABELS, " oil\n", "stop", "ok"),
        (LABELS, "Oil", "stop", "not_an_option"),
        (LABELS, "oil.", "stop", "not_an_option"),
        (LABELS, '"oil"', "stop", "not_an_option"),
        (LABELS, "The label is oil", "stop", "not_an_option"),
        (LABELS, "oil", "length", "truncated"),
        (LABELS, "", "stop", "empty"),
        (LABELS, "  \n ", "stop", "empty"),
        (LABELS, "", "content_filter", "refused"),
        (Structured(Category), GOOD, "stop", "ok"),
        (Structured(Category), f"```json\n{GOOD}\n```", "stop", "ok"),
        (Structured(Category), f"```\n{GOOD}```\n", "stop", "ok"),
        (Structured(Category), f"Sure! {GOOD}", "stop", "broken_json"),
        (Structured(Category), '{"name": "oil", "items": [1,', "stop", "broken_json"),
        (Structured(Category), "[" * 100_000, "stop", "broken_json"),
        (Structured(Category), '{"name": "oil"}', "stop", "wrong_schema"),
        (Structured(Category), '{"name": "oil", "items": ["x"]}', "stop", "wrong_schema"),
        (Structured(Category), '{"name": "oil", "items": [], "why": 1}', "stop", "wrong_schema"),
        (Structured(Category), "[1]", "stop", "wrong_schema"),
        (Structured(Category), '{"name": "oi', "length", "truncated"),
        (Line(), "oil price rise", "stop", "ok"),
        (Line(), "oil price rise\nand more", "stop", "ok"),
        (Line(), "<think>hm", "length", "truncated"),
        (Line(), "\n", "stop", "empty"),
    ],
)
def test_every_reply_has_one_outcome(form: AnswerForm, text: str, finish: str, outcome: str) -> None:
    answer = read_answer(form, Reply(text, finish))
    assert answer.outcome == outcome
    assert (answer.text is None) == (outcome != "ok")
    assert (answer.error is None) == (outcome == "ok")


def test_a_refusal_is_named_with_its_words() -> None:
    answer = read_answer(LABELS, Reply("", "stop", refusal="I will not"))
    assert answer.outcome == "refused"
    assert "I will not" in (answer.error or "")


@pytest.mark.parametrize(
    ("text", "outcome", "found"),
    [
        ('{"label": "oil price"}', "ok", "oil price"),
        ('```json\n{"label":"oil"}\n```', "ok", "oil"),
        ('{"label": "gold"}', "not_an_option", None),
        ('{"label": 3}', "not_an_option", None),
        ('["oil"]', "not_an_option", None),
        ("oil", "broken_json", None),
    ],
)
def test_a_wrapped_choice_is_unwrapped(text: str, outcome: str, found: str | None) -> None:
    answer = read_answer(LABELS, Reply(text, "stop"), wrapped=True)
    assert (answer.outcome, answer.text) == (outcome, found)


def test_only_a_fence_around_everything_is_stripped() -> None:
    assert strip_fence("a ```b``` c") == "a ```b``` c"


def test_scores_by_hand() -> None:
    """Root: oil .6, gr(ain) .2, X .1, rubber unseen at the lowest (.1); then price .5, tanker .1, end .2."""
    tokens = [
        _token("oil", oil=0.6, gr=0.2, X=0.1),
        _token(" price", **{" price": 0.5, " tanker": 0.1, "": 0.2}),
        _token("", **{"": 0.9, "s": 0.05}),
    ]
    scores = option_scores(tokens, ["oil", "oil price", "oil tanker", "grain", "rubber"], chosen="oil price")
    assert scores is not None
    under_oil = 0.6 / 0.9
    expected = {"oil": under_oil / 4, "oil price": under_oil * 5 / 8, "oil tanker": under_oil / 8, "grain": 0.2 / 0.9, "rubber": 0.1 / 0.9}
    assert {option: math.exp(score) for option, score in scores.items()} == pytest.approx(expected)


def test_a_branch_not_followed_is_shared_equally() -> None:
    scores = option_scores([_token("trade", trade=0.5, oil=0.3)], ["trade", "oil price", "oil tanker"], chosen="trade")
    assert scores is not None
    assert math.exp(scores["oil price"]) == math.exp(scores["oil tanker"]) == pytest.approx(0.15 / 0.8)


def test_another_spelling_of_the_same_way_counts_for_it() -> None:
    scores = option_scores([_token("oil", oil=0.5, o=0.1, trade=0.2)], ["trade", "oil price", "oil"], chosen="oil")
    assert scores is not None
    assert math.exp(scores["trade"]) == pytest.approx(0.2 / 0.8)


def test_the_shorter_of_two_options_wins_where_the_text_ends_without_an_end_token() -> None:
    scores = option_scores([_token("oil", oil=0.8, trade=0.1, x=0.01)], ["oil", "oil price", "trade"], chosen="oil")
    assert scores is not None
    assert max(scores, key=lambda option: scores[option]) == "oil"


def test_a_special_token_is_the_end_of_the_text() -> None:
    tokens = [_token("oil", oil=1.0), _token("<|im_end|>", **{"<|im_end|>": 0.6, " price": 0.3})]
    scores = option_scores(tokens, ["oil", "oil price"], chosen="oil")
    assert scores is not None
    assert math.exp(scores["oil"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("end", ['"}', '"'])
def test_scores_of_a_wrapped_choice_look_inside_the_object(end: str) -> None:
    tokens = [_token('{"', **{'{"': 0.9, "{": 0.1}), _token('label": "', **{'label": "': 1.0}), _token("oil", oil=0.6, trade=0.2)]
    tokens += [_token(end, **{end: 0.3, " price": 0.1}), _token("\n", **{"\n": 1.0})]
    scores = option_scores(tokens, ["oil", "oil price", "trade"], chosen="oil", wrapped=True)
    assert scores is not None
    expected = {"oil": 0.75 * 0.75, "oil price": 0.75 * 0.25, "trade": 0.25}
    assert {option: math.exp(score) for option, score in scores.items()} == pytest.approx(expected)


def test_no_log_probabilities_give_no_scores() -> None:
    assert option_scores([], ["a", "b"], chosen="a") is None
    assert option_scores([_token("x", x=1.0)], ["a", "b"], chosen="a") is None


def test_characters_split_over_tokens_are_matched_by_their_bytes() -> None:
    """llama.cpp reports the three tokens of a character as one, with the rivals of the last byte only."""
    day, moon = "日".encode(), "旦".encode()  # they differ in the last byte
    entry = {"id": 9, "token": "日", "bytes": list(day), "logprob": math.log(0.6)}
    rivals = [{"id": 9, "bytes": [day[-1]], "token": "\ufffd", "logprob": math.log(0.6)}]
    rivals += [{"id": 8, "bytes": [moon[-1]], "token": "\ufffd", "logprob": math.log(0.2)}]
    reply = read_reply(_choice("日", [{**entry, "top_logprobs": rivals}]))
    scores = option_scores(reply.tokens, ["日", "旦"], chosen="日")
    assert scores is not None
    assert math.exp(scores["日"]) == pytest.approx(0.75)


@pytest.mark.parametrize("value", [-9999.0, -math.inf, math.nan])
def test_masked_tokens_stay_finite(value: float) -> None:
    entry = {"token": "a", "bytes": None, "logprob": -0.1}
    listed = [{"token": "a", "bytes": None, "logprob": -0.1}, {"token": "b", "bytes": None, "logprob": value}]
    answer = read_answer(Choice(("a", "b")), read_reply(_choice("a", [{**entry, "top_logprobs": listed}])))
    assert answer.scores is not None
    assert all(math.isfinite(score) for score in answer.scores.values())
    json.dumps(dict(answer.scores), allow_nan=False)


def test_log_probabilities_that_cannot_be_read_cost_the_scores_alone() -> None:
    answer = read_answer(LABELS, read_reply(_choice("oil", [{"token": "oil", "logprob": "high", "top_logprobs": None}])))
    assert (answer.outcome, answer.scores) == ("ok", None)


OPTION = st.text(alphabet='abé日"\\ ', min_size=1, max_size=6).filter(lambda text: text == text.strip())


@given(options=st.lists(OPTION, min_size=2, max_size=8, unique=True), data=st.data())
def test_scores_are_a_distribution_over_the_options(options: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(options))
    pieces, rest = [], chosen.encode()
    while rest:
        length = data.draw(st.integers(1, len(rest)))
        pieces.append(rest[:length])
        rest = rest[length:]
    pieces += data.draw(st.sampled_from([[], [b""], [b"<|im_end|>"]]))
    piece = st.binary(max_size=3) | st.sampled_from([option.encode()[:2] for option in options])
    listed = st.lists(st.tuples(piece, st.floats(-30, 0)), max_size=5)
    tokens = [Token(text, data.draw(st.floats(-30, 0)), tuple(data.draw(listed))) for text in pieces]
    scores = option_scores(tokens, options, chosen=chosen)
    assert scores is not None
    assert set(scores) == set(options)
    assert math.fsum(math.exp(score) for score in scores.values()) == pytest.approx(1.0)


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_a_grammar_quotes_every_option(options: list[str]) -> None:
    grammar = gbnf_choice(options)
    assert "\n" not in grammar
    assert "\r" not in grammar
    assert grammar.replace("\\\\", "").replace('\\"', "").count('"') == 2 * len(options)


def test_dialects_spell_a_choice_each_in_its_way() -> None:
    form = Choice(('say "x"', "b"))
    embedded = dialect_of("embedded").arguments(form, max_tokens=8)
    assert embedded["grammar"] == 'root ::= "say \\"x\\"" | "b"'
    vllm = dialect_of("vllm").arguments(form, max_tokens=8)
    assert vllm["structured_outputs"] == {"choice": ['say "x"', "b"]}
    assert [sent["chat_template_kwargs"] for sent in (embedded, vllm)] == [{"enable_thinking": False}] * 2
    url = dialect_of("url").arguments(form, max_tokens=8, top_logprobs=0)
    assert url["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"] == ['say "x"', "b"]
    assert "logprobs" not in url


def test_schemas_are_closed_for_strict_servers() -> None:
    sent = dialect_of("url").arguments(Structured(Category), max_tokens=8)["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"]["additionalProperties"] is False
    assert sent["schema"]["required"] == ["name", "items"]


def _token(text: str, **likely: float) -> Token:
    entries = tuple((other.encode(), math.log(share)) for other, share in likely.items())
    return Token(text.encode(), dict(entries).get(text.encode(), 0.0), entries)


def _choice(text: str, logprobs: list[dict[str, object]]) -> dict[str, object]:
    return {"message": {"content": text}, "finish_reason": "stop", "logprobs": {"content": logprobs}}
