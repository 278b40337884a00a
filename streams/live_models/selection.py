"""Choice of models: the settings' default, and changes to it."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from models.manifest import Entry, Kind
from models.registry import Registry
from models.session import CPU, CUDA
from schemas.messages import Choice, Policy
from streams.cases.policy import policy_version
from streams.errors import UsageError
from streams.settings import Settings
from streams.telemetry import metrics

_PROVIDERS = {"auto": None, "cpu": CPU, "cuda": CUDA}
PARTS: tuple[Kind, ...] = ("visual", "audio", "text", "fusion")


def create_registry(settings: Settings, profiles: Path | None = None) -> Registry:
    """Return the model registry of the settings; with a folder, of sessions whose runs are profiled there."""
    return Registry(
        cache=settings.model_cache_dir,
        provider=_PROVIDERS[settings.provider],
        extra=settings.manifest,
        profiles=profiles,
        on_load=_record_load,
    )


def default_choice(registry: Registry, settings: Settings) -> Choice:
    """Return the choice before the first promotion: the settings' models, each "name@version".

    Raises
    ------
    ModelError
        The manifest has no such model.
    """
    return Choice(
        visual=registry.entry("visual", settings.visual_model).full_name,
        audio=registry.entry("audio", settings.audio_model).full_name,
        text=registry.entry("text", settings.text_model).full_name,
        fusion=registry.entry("fusion", settings.fusion_model).full_name,
    )


def change_choice(choice: Choice, changes: str, registry: Registry) -> Choice:
    """Return the choice with these changes.

    Parameters
    ----------
    changes
        As in "visual=NAME@VERSION,fusion=NAME,policy=0.97/0.6": a model by name or name@version, a policy as its
        thresholds to act and to review, or "policy=case" for every case's own.

    Raises
    ------
    UsageError
        The changes have another form.
    ModelError
        The manifest has no such model.
    """
    changed: dict[str, str | Policy | None] = {}
    for change in filter(None, changes.split(",")):
        part, equals, value = (piece.strip() for piece in change.partition("="))
        if part in changed or not (equals and value):
            raise UsageError(f"{change!r}: write each part once, as in visual=NAME@VERSION,fusion=NAME,policy=0.97/0.6")
        changed[part] = _changed(part, value, registry)
    return msgspec.structs.replace(choice, **changed)


def difference(old: Choice, new: Choice) -> list[str]:
    """Return the changes from the old choice to the new one, one line each."""
    models = [(part, getattr(old, part), getattr(new, part)) for part in PARTS]
    lines = [f"{part}: {before} -> {after}" for part, before, after in models if before != after]
    if old.policy != new.policy:
        lines.append(f"policy: {policy_text(old.policy)} -> {policy_text(new.policy)}")
    return lines


def choice_lines(choice: Choice) -> Iterable[str]:
    """Return the parts of a choice, one line each."""
    return [*(f"{part}: {getattr(choice, part)}" for part in PARTS), f"policy: {policy_text(choice.policy)}"]


def policy_text(policy: Policy | None) -> str:
    """Return the thresholds of a policy as text."""
    return "each case's own" if policy is None else f"act at {policy.act:g}, review at {policy.review:g}"


def _changed(part: str, value: str, registry: Registry) -> str | Policy | None:
    if part == "policy":
        return None if value == "case" else _policy(value)
    for kind in PARTS:
        if kind == part:
            return registry.entry(kind, value).full_name
    raise UsageError(f"no part {part!r}: there are {', '.join(PARTS)} and policy")


def _policy(value: str) -> Policy:
    try:
        act, review = (float(number) for number in value.split("/"))
    except ValueError as error:
        raise UsageError(f"policy {value!r}: write ACT/REVIEW, as in policy=0.97/0.6, or policy=case") from error
    if not 0.0 <= review <= act <= 1.0:
        raise UsageError(f"policy {value!r}: 0 <= REVIEW <= ACT <= 1")
    return Policy(act=act, review=review, version=policy_version(act, review))


def _record_load(entry: Entry, provider: str, seconds: float) -> None:
    metrics.model_loaded(entry.modality, entry.name, entry.version, provider, seconds)
