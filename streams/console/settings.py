"""Settings of the console for a team; a console for one person needs none."""

import re
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from streams.secrets.settings import SecretSettings

_ORIGIN = re.compile(r"^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?$")
_PSEUDONYM = re.compile(r"^\w[\w .-]{0,48}\w$")


class ConsoleSettings(SecretSettings):
    """Every field can be set as JIKIMI_CONSOLE_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_CONSOLE_", frozen=True)

    origin: str = ""
    """Address under which the team's browsers open the console, such as https://console.example.org: the proxy's."""
    host: str = "127.0.0.1"
    """Address that `jikimi console --team` listens on; its proxy ends TLS in front of it."""
    proxies: list[str] = Field(default_factory=lambda: ["127.0.0.1"])
    """Addresses or networks of the proxy, whose X-Forwarded-For gives the browser's address."""
    pseudonyms: dict[str, str] = Field(default_factory=dict)
    """Pseudonym of each account, which signs what leaves; an account without one is not let in."""

    @field_validator("origin")
    @classmethod
    def _is_an_origin(cls, origin: str) -> str:
        origin = origin.lower().removesuffix("/").removesuffix(":443")
        if origin and not _ORIGIN.match(origin):
            raise ValueError("expected an address such as https://console.example.org, without a path")
        return origin

    @model_validator(mode="after")
    def _are_pseudonyms(self) -> Self:
        names = list(self.pseudonyms.values())
        if len(set(names)) < len(names):
            raise ValueError("two accounts have the same pseudonym: nobody could say who signed")
        if any(not _PSEUDONYM.match(name) for name in names):
            raise ValueError("a pseudonym has 2 to 50 letters, digits, spaces, dots or hyphens")
        accounts = {account.casefold() for account in self.pseudonyms}
        if accounts & {name.casefold() for name in names}:
            raise ValueError("a pseudonym is an account's name: it leaves, and the account must not")
        return self
