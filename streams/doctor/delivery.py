"""Check of the delivery: the platforms' file, its channels and their secrets, and what notices need of the filer."""

from collections.abc import Iterator

from schemas.messages import Policy
from streams.cases.open_cases import OpenCase
from streams.delivery.channels.make import make_channel
from streams.delivery.notices.required import check_filer
from streams.delivery.platforms.registry import Registry, load_registry
from streams.doctor.finding import Finding, ok, warn, wrong
from streams.errors import UsageError
from streams.settings import Settings

_CASE = OpenCase(
    Policy(act=1.0, review=1.0, version=""), "shared_without_consent", minor=False, authority="of the case"
)
"""A case that has what only a case can have."""
_REMEDY = "see ops/docs/delivery.md; `jikimi notice show` tries it for one takedown"


def delivery(settings: Settings) -> Finding:
    """Check that notices can be written and sent, without sending one."""
    try:
        registry = load_registry(settings.delivery.platforms)
    except UsageError as error:
        return wrong("delivery", str(error), "correct the file that JIKIMI_DELIVERY_PLATFORMS names")
    problem = next(_problems(settings, registry), None)
    if problem is not None:
        return (wrong if settings.delivery.send else warn)("delivery", problem, _REMEDY)
    n_channels = sum(len(platform.channels) for platform in registry.platforms.values())
    mode = "notices are sent" if settings.delivery.send else "a dry run: notices are written, and nothing is sent"
    return ok("delivery", f"{mode}; {len(registry.platforms)} platforms with {n_channels} channels")


def _problems(settings: Settings, registry: Registry) -> Iterator[str]:
    for name, platform in registry.platforms.items():
        try:
            check_filer(settings.filer, _CASE, platform.laws, "shared_without_consent", name)
            for entry in platform.channels:
                make_channel(entry, settings, max_characters=platform.max_characters)
        except UsageError as error:
            yield str(error)
