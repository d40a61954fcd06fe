"""The application does what its OpenAPI document says, whatever it is asked (Schemathesis, on a real server)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import APIOperation, CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from convscope.atlas.reader import Atlas
from convscope.serve.jobs import Jobs
from convscope.serve.live.context import Context
from convscope.serve.uploads import Uploads
from convscope.web.atlas.place import AtlasPlace
from convscope.web.shelf.place import Shelf
from tests.atlas.make import make_atlas
from tests.serve.conftest import notebook, serving_places
from tests.serve.tiny import TINY

Operation = APIOperation[Any, Any, Any, Any]
Case = schemathesis.Case[Any]
OPERATIONS = {
    "GET /",
    "GET /index.html",
    "GET /index.json",
    "GET /static/style.css",
    "GET /static/script.js",
    "GET /static/take.js",
    "GET /at/{name}/{address}",
    "GET /live/project",
    "POST /live/images",
    "DELETE /live/images/{key}",
}


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Operation]]:
    atlas = Atlas.open(make_atlas(tmp_path_factory.mktemp("contract") / "atlas", images=4))
    shelf = Shelf({"notes": notebook(), "atlas": AtlasPlace(atlas)})
    with serving_places(shelf, Context(TINY, {"atlas": atlas}, Jobs(), Uploads())) as port:
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
        found = list(schema.get_all_operations())
        assert all(isinstance(result, Ok) for result in found)
        yield {result.ok().label: result.ok() for result in found if isinstance(result, Ok)}


def test_all_operations_are_described(operations: dict[str, Operation]) -> None:
    assert operations.keys() >= OPERATIONS
    texts = [operation.definition.raw.get("description") for operation in operations.values()]
    assert all(texts), "every operation says what it does"


@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_an_operation_answers_as_described(operations: dict[str, Operation], label: str) -> None:
    @seed(2013)
    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operations[label].as_strategy())
    def check(case: Case) -> None:
        # No schema can say which bytes are an image.
        excluded: list[CheckFunction] = [positive_data_acceptance] if label == "POST /live/images" else []
        case.call_and_validate(excluded_checks=excluded, timeout=20)

    check()
