"""Acts of persons: who did what, when and why, signed with the key of the process that wrote them."""

from datetime import UTC, datetime
from uuid import uuid4

from schemas.messages import Act
from streams.audit.signatures import signed
from streams.audit.signing import own_signer
from streams.errors import UsageError
from streams.kafka.producer import TopicWriter, writing
from streams.settings import Settings

TOPIC = "acts"


def write_act(to: TopicWriter | Settings, act: str, subject: str, by: str, why: str, detail: str = "") -> Act:  # noqa: PLR0917 - the fields of an act
    """Write a person's act, signed with this process's key.

    Parameters
    ----------
    to
        Writer of the records that the act is about, which delivers it with them; or the settings, and the act is
        delivered when this returns.
    act
        Right that the person used, such as open, withdraw or label.
    subject
        Id of a case, takedown, post, dead letter, model, ...
    by
        The person.
    why
        Reason, free text.
    detail
        Short text about what was done.

    Raises
    ------
    UsageError
        Somebody or a reason is missing, the signing key cannot be read, or the broker does not answer.
    """
    if not by.strip() or not why.strip():
        raise UsageError(f"{act} {subject}: an act needs who does it and why")
    settings = to.settings if isinstance(to, TopicWriter) else to
    made = Act(
        act_id=str(uuid4()), act=act, subject=subject, by=by, why=why, at=datetime.now(UTC), detail=detail
    )  # fmt: skip
    written = signed(made, own_signer(settings))
    if isinstance(to, TopicWriter):
        to.write(TOPIC, subject, written)
    else:
        with writing(settings) as writer:
            writer.write(TOPIC, subject, written)
    return written
