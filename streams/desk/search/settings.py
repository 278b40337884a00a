"""Settings of the search feed: platforms that are asked, and how often."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from streams.secrets.settings import SecretSettings

_Address = Annotated[str, Field(pattern=r"^(https?://\S+)?$")]


class SearchSettings(SecretSettings):
    """Every field can be set as JIKIMI_SEARCH_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_SEARCH_", frozen=True)

    bluesky: _Address = ""
    """Server that is asked for Bluesky's posts, as https://api.bsky.app, or the server of the account; none by
    default."""
    bluesky_account: str = ""
    """Handle or DID that asks; by default nobody is logged in, which Bluesky may refuse."""
    bluesky_password: SecretStr = SecretStr("")
    """Its app password."""
    mastodon: _Address = ""
    """Server of Mastodon whose hashtags and search are asked, with JIKIMI_MASTODON_TOKEN; none by default."""
    per_minute: PositiveInt = 10
    """Most queries of one platform a minute."""
    per_day: NonNegativeInt = 5_000
    """Most queries of one platform a day, in UTC."""
    interval_s: PositiveFloat = 120.0
    """Shortest time between two queries of one word on one platform, unless more results are waiting."""
    back_h: PositiveFloat = 168.0
    """How far back the first query of a word goes, on platforms that take a time; hours."""
