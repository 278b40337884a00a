import pytest

from models.registry import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry(cache=tmp_path_factory.mktemp("models"), provider="CPUExecutionProvider")
