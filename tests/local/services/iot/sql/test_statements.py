"""Statements of AWS IoT SQL: what is selected, what is refused, and what a payload cannot break."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.local.services.iot.sql import UNDEFINED, EvaluationError, SqlError, statement_of, template_of
from tests.local.services.iot.sql.statements import DOCUMENT, message, selected, value

U = "Undefined"
OPERATORS = {
    "1 + 2 * 3": 7,
    "(1 + 2) * 3": 9,
    "7 / 2": 3,
    "-7 / 2": -3,
    "7.0 / 2": 3,
    "7.5 / 2": 3.75,
    "0.1 + 0.2": 0.3,
    "10 - 4 - 3": 3,
    "-7 % 3": -1,
    "1 / 0": U,
    "text * 2": 25,
    "text - 0.5": 12,
    "'a' + 1": "a1",
    "1 + 'a'": "1a",
    "1.5 + 'a'": "1.5a",
    "true + 'a'": "truea",
    "[1, 'x'] + '!'": '[1,"x"]!',
    "nothing + 'a'": U,
    "true + 1": U,
    "missing + 1": U,
    "'1e999999999' + 0": "1e9999999990",
    "'1e999999999' * 1": U,
    "99999999999999999999 * 99999999999999999999": 1e40,
    "1 = 1.0": True,
    "1 = '1'": False,
    "1 = true": False,
    "1 <> '1'": True,
    "missing = 1": U,
    "missing <> 1": U,
    "nothing = null": True,
    "nothing <> null": False,
    "numbers = [1, 2, 3]": True,
    "numbers = [3, 2, 1]": False,
    "{'a': 1, 'b': [true]} = {'b': [true], 'a': 1.0}": True,
    "'10' > 9": True,
    "'x' > 9": U,
    "true > 0": U,
    "2 <= 2": True,
    "yes AND 'TRUE'": True,
    "yes AND missing": U,
    "false AND missing": False,
    "yes OR missing": True,
    "false OR 1": U,
    "NOT yes": False,
    "NOT 'false'": True,
    "NOT 1": U,
    "NOT NOT yes": True,
    "2 IN numbers": True,
    "9 IN numbers": False,
    "9 NOT IN numbers": True,
    "color IN ('red', 'blue')": True,
    "color IN ['blue']": False,
    "color IN 'red'": U,
    "missing IN numbers": U,
    "135 IN (SELECT VALUE v FROM e)": True,
    "EXISTS (SELECT * FROM e WHERE n = 'light')": True,
    "EXISTS (SELECT * FROM e WHERE n = 'noise')": False,
    "EXISTS (SELECT * FROM numbers AS a WHERE a = 3)": True,
    "color LIKE 'r%'": True,
    "color LIKE '_e'": False,
    "temperature BETWEEN 40 AND 60": True,
    "nothing IS NULL": True,
    "color IS NOT NULL": True,
    "CASE color WHEN 'green' THEN 'go' WHEN 'red' THEN 'stop' ELSE 'off' END": "stop",
    "CASE color WHEN 'green' THEN 'go' END": U,
    "CASE color WHEN 'green' THEN 'go' ELSE 'off' END": "off",
    "CASE missing WHEN 'green' THEN 'go' ELSE 'off' END": U,
    "cast(true as Int)": 1,
    "cast(0 as Boolean)": False,
    "cast(2.9 as integer)": 2,
    "cast('-2.5' as decimal)": -2.5,
    "cast('x' as decimal)": U,
    "cast(5 as varchar)": "5",
    "cast(nothing as string)": U,
    "foo.bar": "RED",
    "foo.deep.er[1].x": 2,
    "foo.bar.baz": U,
    "get(foo, 'bar')": "RED",
    "'it''s'": "it's",
    '"say ""x"""': 'say "x"',
    "1.50": 1.5,
    "-3": -3,
    "- temperature": -50,
    "{'latitude': get(numbers, 0), 'none': missing,}": {"latitude": 1},
    "[temperature, missing, color]": [50, "red"],
    "{'message': *}.message.color": "red",
}
SELECTIONS: dict[str, Any] = {
    "SELECT * FROM 'a'": DOCUMENT,
    "SELECT color, temperature as fahrenheit FROM 'a'": {"color": "red", "fahrenheit": 50},
    "select foo.bar, topic(2), (temperature - 32) * 5 / 9 AS celsius from 'a'": {
        "bar": "RED",
        "topic": "lamp",
        "celsius": 10,
    },
    "SELECT foo.bar AS state.reported.bar, color AS state.reported.color FROM 'a'": {
        "state": {"reported": {"bar": "RED", "color": "red"}}
    },
    "SELECT VALUE color FROM 'a'": "red",
    "SELECT VALUE numbers FROM 'a'": [1, 2, 3],
    "SELECT VALUE * FROM 'a'": DOCUMENT,
    "SELECT VALUE missing FROM 'a'": b"",
    "SELECT value, temperature FROM 'a'": {"temperature": 50},
    "SELECT missing FROM 'a'": {},
    "SELECT (SELECT VALUE n FROM e) AS sensors FROM 'a'": {"sensors": ["temperature", "light", "acidity"]},
    "SELECT (SELECT v FROM e WHERE n = 'temperature') AS t FROM 'a'": {"t": [{"v": 22.5}]},
    "SELECT get((SELECT v FROM e WHERE n = 'temperature'), 0).v AS t FROM 'a'": {"t": 22.5},
    "SELECT (SELECT bar FROM foo) AS t, (SELECT x FROM color) AS u FROM 'a'": {"t": {"bar": "RED"}},
    "SET @c = (temperature - 32) * 5 / 9, @d = @c + 1 SELECT @c AS c, @d AS d WHERE @c > 9": {"c": 10, "d": 11},
    "SELECT color FROM 'a' WHERE temperature > 60": UNDEFINED,
    "SELECT color FROM 'a' WHERE missing > 60": UNDEFINED,
    "SELECT color FROM 'a' WHERE NOT missing > 60": UNDEFINED,
    "SELECT color FROM 'a' WHERE temperature": UNDEFINED,
    "SELECT color FROM 'a' WHERE temperature > 40 AND color <> 'blue'": {"color": "red"},
    "SELECT color WHERE CASE color WHEN 'red' THEN true END": {"color": "red"},
}
REFUSED = {
    "": "Unexpected end of the SQL, expected SELECT at line 1, column 1",
    "SELECT foo(1) FROM 'a'": "Unknown function foo at line 1, column 8",
    "SELECT *\nFROM 'a'\nWHERE a != 1": "Unexpected character '!' at line 3, column 9",
    "SELECT * FROM 'a' WHERE a == 1": "Unexpected '=' at line 1, column 28",
    "SELECT FROM 'a'": "Unexpected 'FROM' at line 1, column 8",
    "SELECT * FROM a": "expected a topic filter in single quotes at line 1, column 15",
    "SELECT 'x FROM a": "A string has no end at line 1, column 8",
    "SELECT * FROM 'a' WHERE": "Unexpected end of the SQL at line 1, column 24",
    "SELECT a.0 FROM 'a'": "Unexpected '0', expected a name at line 1, column 10",
    "SELECT cast(a as money) FROM 'a'": "Unknown type money at line 1, column 18",
    "SELECT CASE WHEN a THEN 1 END FROM 'a'": "Unexpected 'WHEN' at line 1, column 13",
    "SELECT @x FROM 'a'": "Variable @x is not set at line 1, column 8",
    "SET @a = @a SELECT @a FROM 'a'": "Variable @a is not set at line 1, column 10",
    "SET @a = 1, @a = 2 SELECT @a FROM 'a'": "Variable @a is set twice at line 1, column 13",
    "SELECT {temperature: 5} AS x FROM 'a'": "expected a key in quotes at line 1, column 9",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000 + " FROM 'a'": "Expressions are nested more than 40 times",
    "SELECT 1" + " + 1" * 5000: "An expression has more than 200 operators in a row",
}


@pytest.mark.parametrize(("expression", "expected"), OPERATORS.items(), ids=OPERATORS)
def test_value(expression: str, expected: Any) -> None:
    found = value(expression)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(("sql", "expected"), SELECTIONS.items(), ids=SELECTIONS)
def test_selection(sql: str, expected: Any) -> None:
    assert selected(sql) == expected


@pytest.mark.parametrize(("sql", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_aws_refuses_is_refused_with_the_place(sql: str, reason: str) -> None:
    with pytest.raises(SqlError, match=re.escape(reason)):
        statement_of(sql)


@pytest.mark.parametrize("operators", [" + 0", " AND 1 = 1", " OR 1 = 2"])
def test_a_long_condition_is_evaluated(operators: str) -> None:
    sql = "SELECT color FROM 'a' WHERE color = 'red' AND 1 = 1" + operators * 150
    assert selected(sql) == (UNDEFINED if operators == " + 1" else {"color": "red"})


def test_a_long_field_of_an_action_is_refused() -> None:
    with pytest.raises(SqlError, match="more than 200 operators"):
        template_of("${1" + " + 1" * 5000 + "}")


def test_sql_is_read_once() -> None:
    assert statement_of("SELECT * FROM 'once'") is statement_of("SELECT * FROM 'once'")


def test_a_rule_of_basic_ingest_has_no_topic_filter() -> None:
    assert statement_of("SELECT * WHERE a = 1").topic_filter == ""
    assert statement_of("SELECT * FROM 'dt/+/#' WHERE a = 1").topic_filter == "dt/+/#"


@pytest.mark.parametrize("payload", [b"", b"\xff\x00", b"80x", b'{"a": NaN}', b"[" * 100_000, b"9" * 5000, b"1e400"])
def test_a_payload_that_is_not_json_is_raw_and_has_no_attributes(payload: bytes) -> None:
    assert selected("SELECT * FROM 'a'", payload) == payload
    assert selected("SELECT *, color, topic(2) AS thing FROM 'a'", payload) == {"thing": "lamp"}
    assert selected("SELECT * FROM 'a' WHERE color = 'red'", payload) is UNDEFINED


def test_a_number_as_payload_is_decoded_as_documented() -> None:
    decoded = "decode(encode(*, 'base64'), 'base64')"
    sql = f"SELECT {decoded} AS value FROM 'a' WHERE {decoded} > 50"  # noqa: S608 - SQL of IoT
    assert selected(sql, b"80") == {"value": 80}


def test_a_number_without_a_fraction_is_an_int() -> None:
    assert repr(selected("SELECT * FROM 'a'", b'{"a": 10.0, "b": 10.5}')) == "{'a': 10, 'b': 10.5}"


def test_what_is_selected_does_not_change_the_message() -> None:
    one = message()
    statement_of("SELECT *, color AS foo.bar FROM 'a'").select(one)
    assert one.document == DOCUMENT


def test_a_function_that_is_not_executed_fails_and_is_named() -> None:
    statement = statement_of("SELECT machinelearning_predict('m', 'r', *) AS x, decode(a, 'proto', 'b') AS y FROM 'a'")
    assert statement.not_executed == ("decode of Protobuf", "machinelearning_predict")
    with pytest.raises(EvaluationError, match="does not execute machinelearning_predict"):
        statement.select(message())
    # A branch that is not taken costs nothing.
    assert value("CASE color WHEN 'blue' THEN machinelearning_predict('m', 'r', *) ELSE 'fine' END") == "fine"


def test_dynamodb_may_be_asked_once() -> None:
    with pytest.raises(EvaluationError, match="may be called once"):
        selected("SELECT get_dynamodb('T', 'k', 'a', 'r') AS a, get_dynamodb('T', 'k', 'b', 'r') AS b FROM 'a'")


TEMPLATES = {
    "plain": "plain",
    "${topic(2)}/${color}.json": "lamp/red.json",
    "$${color}": "$red",
    "${missing}-${nothing}-${yes}-${half}": "undefined-null-true-2.5",
    "${get({'a': {'b': 1}}, 'a')}": '{"b":1}',
    "${parse_time('yyyy', 0)}/${@level + 1}": "1970/6",
}


@pytest.mark.parametrize(("text", "expected"), TEMPLATES.items(), ids=TEMPLATES)
def test_template(text: str, expected: str) -> None:
    one = message()
    one.variables["@level"] = 5
    assert template_of(text, frozenset({"@level"})).fill(one) == expected


@pytest.mark.parametrize("text", ["${", "${color", "${foo(1)}", "${@level}", "${color red}"])
def test_a_template_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(SqlError):
        template_of(text)


@given(st.text(alphabet="SELECT*FROMWHERE'\"()[]{},.=<>+-/%@ab1 \n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for sql in (text, f"SELECT {text} FROM 'a'"):  # noqa: S608 - SQL of IoT
        try:
            statement_of(sql)
        except SqlError as error:
            assert " at line " in str(error)  # noqa: PT017 - most texts are refused
