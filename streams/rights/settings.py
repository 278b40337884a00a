"""Settings of identities: roles of the system's user, and claims of a login outside."""

from typing import Literal, get_args

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from streams.secrets.settings import SecretSettings

Role = Literal["officer", "reviewer", "operator", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)


class OidcSettings(SecretSettings):
    """Persons of an OpenID Connect provider; every field can be set as JIKIMI_OIDC_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix="JIKIMI_OIDC_", frozen=True)

    issuer: str = ""
    """Address of the provider, exactly as its tokens name it."""
    client_id: str = ""
    """Name of the console at the provider."""
    client_secret: SecretStr = SecretStr("")
    """Secret of the console at the provider; empty for a public client, which PKCE protects."""
    scope: str = "openid"
    """Scopes that the console asks for, separated by spaces; some providers give groups only for one of their own."""
    name_claim: str = "sub"
    """Claim with the person's account: one that is never another's, and that the person cannot change."""
    roles_claim: str = "groups"
    """Claim with a list of groups or roles; dots lead into objects, as in realm_access.roles."""
    roles: dict[str, Role] = Field(default_factory=dict)
    """Role of each group; a group that is not named here gives none."""
