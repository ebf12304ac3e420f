"""Functions of AWS IoT SQL: the values that AWS's documentation has, and those of other types."""

import hashlib
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp_constructs.local.services.iot.sql.compilation import FUNCTIONS
from cdp_constructs.local.services.iot.sql.functions.context import ASKING
from cdp_constructs.local.services.iot.sql.message import EvaluationError
from tests.local.services.iot.sql.statements import value

U = "Undefined"
OF_NUMBERS = {
    "abs(-5)": 5,
    "abs('-5.123')": 5.123,
    "abs(true)": U,
    "abs(nothing)": U,
    "acos(0)": 1.5707963267948966,
    "acos(2)": U,
    "asin(0)": 0,
    "atan(0)": 0,
    "atan2(1, 0)": 1.5707963267948966,
    "atan2('1', 'x')": U,
    "bitand(13, 5)": 5,
    "bitor(8, 5)": 13,
    "bitxor(13, 5)": 8,
    "bitxor(13.9, '5')": 8,
    "bitnot(13)": -14,
    "ceil(1.2)": 2,
    "ceil(-1.2)": -1,
    "ceil('1.2')": 2,
    "cos(0)": 1,
    "cosh(2.3)": 5.037220649268761,
    "exp(1)": math.e,
    "exp(1000)": U,
    "floor(1.2)": 1,
    "floor(-1.2)": -2,
    "floor([1])": U,
    "ln(1)": 0,
    "ln(0)": U,
    "log(100)": 2,
    "mod(8, 3)": 2,
    "mod(-8, 3)": -2,
    "mod(8.5, 3)": 2.5,
    "mod(8, 0)": U,
    "remainder(8, 3)": 2,
    "nanvl(8, 3)": 8,
    "nanvl(missing, 3)": 3,
    "nanvl(nothing, 'x')": "x",
    "power(2, 5)": 32,
    "power(-8, 0.5)": U,
    "round(1.2)": 1,
    "round(1.5)": 2,
    "round(-1.1)": -1,
    "round(-1.5)": -2,
    "sign(-7)": -1,
    "sign(0)": 0,
    "sign('13')": 1,
    "sin(0)": 0,
    "sinh(2.3)": 4.936961805545957,
    "sqrt(9)": 3,
    "sqrt(-9)": U,
    "tan(3)": -0.1425465430742778,
    "tanh(2.3)": 0.9800963962661914,
    "trunc(2.3, 0)": 2,
    "trunc(2.3123, 2)": 2.31,
    "trunc(2.888, 2)": 2.88,
    "trunc(2.00, 5)": 2,
    "trunc(-2.888, 1)": -2.8,
    "trunc(2.888, -1)": 2,
    "trunc('2.888', 2)": 2.88,
    "trunc(2.888, '2')": U,
}
OF_STRINGS = {
    "chr(65)": "A",
    "chr(49.9)": "1",
    "chr(300)": U,
    "concat()": U,
    "concat([1, 2, 3], 4)": [1, 2, 3, 4],
    "concat([1, 2, 3], 'hello', [4, 5, 6])": [1, 2, 3, "hello", 4, 5, 6],
    "concat('con', 'cat')": "concat",
    "concat(1, 'hello')": "1hello",
    "concat('he', 'is', 'man')": "heisman",
    "concat('a', missing)": U,
    "decode(encode(*, 'base64'), 'base64').color": "red",
    'decode("eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg==", "base64").temperature': 33,
    "decode('aGVsbG8=', 'base64')": "hello",
    "decode('%%%', 'base64')": None,
    "decode('aGVsbG8=', 'rot13')": U,
    "encode('hello', 'base64')": "aGVsbG8=",
    "encode(5, 'base64')": "NQ==",
    "encode(missing, 'base64')": U,
    "endswith('cat', 'at')": True,
    "endswith('cat', nothing)": U,
    "indexof('abcd', 'bc')": 1,
    "indexof('abcd', 'x')": -1,
    "length('hi')": 2,
    "length(false)": 5,
    "lower('HELLO')": "hello",
    "lower(['HELLO'])": '["hello"]',
    "lpad('hello', 2)": "  hello",
    "lpad(1, 3)": "   1",
    "lpad('x', -5)": "x",
    "lpad('x', true)": U,
    "ltrim(' h i ')": "h i ",
    "numbytes('hi')": 2,
    "numbytes('€')": 3,
    "regexp_matches('aaaa', 'a{2,}')": True,
    "regexp_matches('aaaa', 'b')": False,
    "regexp_matches(temperature, '^5')": True,
    "regexp_matches('aaaa', '(')": U,
    "regexp_replace('abcd', 'bc', 'x')": "axd",
    "regexp_replace('abcd', 'b(.*)d', '$1')": "ac",
    "regexp_replace('abcd', 'b(?<in>.*)d', '${in}\\$')": "ac$",
    "regexp_replace('abcd', 'b', '$2')": U,
    "regexp_substr('hihihello', 'hi')": "hi",
    "regexp_substr('hihihello', '(hi)*')": "hihi",
    "regexp_substr('hello', 'x')": U,
    "replace('abcdabcd', 'b', 'x')": "axcdaxcd",
    "replace(1213, 1, 'x')": "x2x3",
    "rpad('hello', 2)": "hello  ",
    "rpad(1, '3')": "1   ",
    "rtrim(' h i ')": " h i",
    "startswith('ranger', 'ran')": True,
    "substring('012345', 0)": "012345",
    "substring('012345', 2.745)": "2345",
    "substring(123, 2)": "3",
    "substring('012345', -1)": "012345",
    "substring(true, 1.2)": "rue",
    "substring(false, -2.411E247)": "false",
    "substring('012345', 1, 3)": "12",
    "substring('012345', -50, 50)": "012345",
    "substring('012345', 3, 1)": "",
    "trim(' hi ')": "hi",
    "upper(['hello'])": '["HELLO"]',
    "md2('hello')": "a9046c73e00331af68917d3804f70655",
    "md2('')": "8350e5a3e24c153df2275c9f80692773",
    "md5('hello')": "5d41402abc4b2a76b9719d911017c592",
    "sha256(5)": hashlib.sha256(b"5").hexdigest(),
    "sha512(nothing)": U,
}
OF_TIMES = {
    "parse_time(\"yyyy.MM.dd G 'at' HH:mm:ss z\", 100000000, 'America/Belize')": "1970.01.01 AD at 21:46:40 CST",
    "parse_time('yyyy', 0, 'UTC')": "1970",
    "parse_time('EEEE, MMMM d, yy h:mm a', 1700000000123)": "Tuesday, November 14, 23 10:13 PM",
    "parse_time('yyyy-MM-dd''T''HH:mm:ss.SSSZZ', 1700000000123, '+09:00')": "2023-11-15T07:13:20.123+09:00",
    "parse_time('D e w x E MMM k K', 1700000000123)": "318 2 46 2023 Tue Nov 22 10",
    "parse_time('yyyy', 0, 'Nowhere/None')": U,
    "parse_time('q', 0)": U,
    "parse_time('yyyy', 9e30)": U,
    'time_to_epoch("2020-04-03 09:45:18 UTC+01:00", "yyyy-MM-dd HH:mm:ss VV")': 1585903518000,
    'time_to_epoch("18 December 2015", "dd MMMM yyyy")': 1450396800000,
    'time_to_epoch("2007-12-03 10:15:30.592 America/Los_Angeles", "yyyy-MM-dd HH:mm:ss.SSS z")': 1196705730592,
    "time_to_epoch('3/4/21 1:05 PM', 'd/M/yy h:mm a')": 1617455100000,
    "time_to_epoch('2021-02-31', 'yyyy-MM-dd')": U,
    "time_to_epoch('never', 'yyyy-MM-dd')": U,
}
OF_STRUCTURES = {
    "get(['a', 'b', 'c'], 1)": "b",
    "get(['a'], -1)": U,
    'get({"a": "b"}, "a")': "b",
    "get('abc', 1)": "b",
    "get(5, 1)": U,
    "isnull(5)": False,
    "isnull(Null)": True,
    "isnull(missing)": False,
    "isundefined(5)": False,
    "isundefined(floor([1, 2, 3]))": True,
    "get_or_default(missing, 'none')": "none",
    "get_or_default(nothing, 'none')": "none",
    "get_or_default(color, 'none')": "red",
    "get_or_default(machinelearning_predict('m', 'r', *), 'none')": "none",
    "transform('enrichArray', {'key': temperature}, e)[1].key": 50,
    "transform('other', {'key': 1}, e)": U,
    "transform('enrichArray', {'key': 1}, numbers)": U,
}
OF_THE_MESSAGE = {
    "topic()": "things/lamp/state",
    "topic(2)": "lamp",
    "topic('1')": "things",
    "topic(0)": U,
    "topic(4)": U,
    "clientid()": "n/a",
    "principal()": "thumbprint",
    "traceid()": U,
    "accountid()": "123456789012",
    "sourceip()": "192.0.2.1",
    "sql_version()": "2016-03-23",
    "get_mqtt_property('content_type')": "text/plain",
    "get_mqtt_property('response_topic')": U,
    "get_user_properties('k')": ["1", "2"],
    "get_user_properties('other')": U,
    "get_user_properties()": [{"k": "1"}, {"k": "2"}],
}
ALL = {**OF_NUMBERS, **OF_STRINGS, **OF_TIMES, **OF_STRUCTURES, **OF_THE_MESSAGE}
PROPERTIES = {"content_type": "text/plain", "user_properties": [("k", "1"), ("k", "2")]}


@pytest.mark.parametrize(("expression", "expected"), ALL.items(), ids=ALL)
def test_value(expression: str, expected: Any) -> None:
    about = {"principal": "thumbprint", "account": "123456789012", "source_ip": "192.0.2.1"}
    found = value(expression, **about, properties=lambda: PROPERTIES)
    assert (type(found), found) == (type(expected), pytest.approx(expected) if type(expected) is float else expected)


def test_values_that_differ_each_time() -> None:
    assert value("newuuid()") != value("newuuid()")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value("newuuid()"))
    assert 0 <= value("rand()") < 1
    assert value("timestamp()") > value("time_to_epoch('2024-01-01', 'yyyy-MM-dd')")


@pytest.mark.parametrize("call", ["abs()", "abs(1, 2)", "substring('a')", "replace('a', 'b')", "topic(1, 2)"])
def test_another_number_of_arguments_is_undefined(call: str) -> None:
    assert value(call) == U


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(sorted(FUNCTIONS.keys() - ASKING)), st.lists(JSON, max_size=4))
def test_any_arguments_give_what_json_has_or_undefined(name: str, arguments: list[Any]) -> None:
    document = {f"a{at}": argument for at, argument in enumerate(arguments)}
    found = value(f"{name}({', '.join(document)})", json.dumps(document).encode())
    assert found == U or json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    "expression",
    ["regexp_matches(t, '(a+)+$')", "regexp_substr(t, '(a|aa)+$')", "regexp_replace(t, '(a*)*b$', 'x')"],
)
def test_an_expression_that_takes_too_long_costs_its_message_only(expression: str) -> None:
    payload = json.dumps({"t": "a" * 60 + "c"}).encode()
    with pytest.raises(EvaluationError, match=r"took more than 0\.2 s of processor time") as caught:
        value(expression, payload)
    assert caught.value.function == expression.partition("(")[0]


@pytest.mark.parametrize("expression", ["replace(t, '', t)", "regexp_replace(t, 'a', t)"])
def test_a_text_that_would_take_the_memory_is_not_made(expression: str) -> None:
    payload = json.dumps({"t": "a" * 60_000}).encode()
    with pytest.raises(EvaluationError, match="has more than 1,000,000 characters"):
        value(expression, payload)
