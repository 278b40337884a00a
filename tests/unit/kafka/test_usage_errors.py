"""Errors of broker and registry as one line for the person who gave a command."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.errors import UsageError
from streams.kafka.usage_errors import usage_errors
from streams.settings import load_settings

SETTINGS = load_settings(bootstrap_servers="127.0.0.1:9")


def test_an_error_of_the_broker_names_its_address_and_the_remedy() -> None:
    line = r"^127\.0\.0\.1:9: .*timed out.*; repeat the command$"
    with pytest.raises(UsageError, match=line), usage_errors(SETTINGS, "; repeat the command"):
        raise KafkaException(KafkaError(KafkaError.REQUEST_TIMED_OUT))


def test_an_error_of_the_schema_registry_is_passed_on_in_its_words() -> None:
    with pytest.raises(UsageError, match=r"^the schema registry does not answer$"), usage_errors(SETTINGS):
        raise ConnectionError("the schema registry does not answer")


def test_any_other_error_stays_what_it_is() -> None:
    with pytest.raises(KeyError), usage_errors(SETTINGS):
        raise KeyError("a bug")
