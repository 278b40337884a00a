"""Parts of notices that a pack withholds: the victim's name, where the victim filed in person."""

from typing import overload

import msgspec

from schemas.messages import Delivery, Filer, Notice, Takedown


def notice_without_victim(notice: Notice) -> Notice:
    """Return the notice, without name and addresses where the filer is the victim."""
    if notice.filer.role != "victim":
        return notice
    return msgspec.structs.replace(notice, filer=Filer(body="", role="victim", email=""), signed_by="")


@overload
def without_victim(record: Takedown) -> Takedown: ...
@overload
def without_victim(record: Delivery) -> Delivery: ...
def without_victim(record: Takedown | Delivery) -> Takedown | Delivery:
    """Return the record with its notice, if it has one, as `notice_without_victim` leaves it."""
    if isinstance(record, Takedown):
        delivery = record.delivery
        return record if delivery is None else msgspec.structs.replace(record, delivery=without_victim(delivery))
    if record.notice is None:
        return record
    return msgspec.structs.replace(record, notice=notice_without_victim(record.notice))
