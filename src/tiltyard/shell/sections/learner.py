"""The ``[learner]`` section of the settings: who runs the learner, and with which patience."""

import re
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tiltyard.shell.sections.folder import Folder
from tiltyard.shell.sections.from_a_variable import in_json
from tiltyard.shell.sections.web_address import fault_of_address

SOCKET = "unix://"
_PLAIN = re.compile(r"http://[^/?#]+(/|/RPC2)?")


class LearnerSettings(BaseModel):
    """A learner that is supervised while a desk runs; none while nobody runs it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: tuple[str, ...] = ()
    folder: Folder = "./tiltyard-learner"
    grace: float = Field(default=10.0, ge=0, le=300)
    progress_within: float = Field(default=300.0, ge=10, le=86_400)
    checkpoint_within: float = Field(default=60.0, ge=0, le=3600)
    supervisord: str = ""
    program: str = ""
    deployment: str = ""
    kubernetes: str = "https://kubernetes.default.svc"
    credentials: str = "/var/run/secrets/kubernetes.io/serviceaccount"

    @field_validator("command", mode="before")
    @classmethod
    def _from_a_variable(cls, said: Any) -> Any:  # noqa: ANN401 whatever a file says
        return in_json(said, 'a list such as ["python", "train.py"]')

    @field_validator("command")
    @classmethod
    def _runnable(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if any("\0" in word for word in command) or (command and not command[0]):
            raise ValueError("no command is called so")  # noqa: TRY003 pydantic collects it
        return command

    @field_validator("supervisord")
    @classmethod
    def _reachable(cls, address: str) -> str:
        if address.startswith(SOCKET):
            if not address.removeprefix(SOCKET).startswith("/") or "\0" in address:
                raise ValueError("expected a socket such as unix:///run/supervisor.sock")  # noqa: TRY003 as above
        elif address and (fault := fault_of_address(address)):
            raise ValueError(fault)
        elif address and not _PLAIN.fullmatch(address):
            raise ValueError("expected http://host:port and no more: supervisord has no TLS")  # noqa: TRY003 as above
        return address

    @field_validator("deployment")
    @classmethod
    def _named(cls, deployment: str) -> str:
        namespace, slash, name = deployment.partition("/")
        plain = all(part.replace("-", "").replace(".", "").isalnum() for part in (namespace, name))
        if deployment and not (slash and plain and deployment.isascii()):
            raise ValueError("expected NAMESPACE/NAME")  # noqa: TRY003 pydantic collects it
        return deployment

    @field_validator("kubernetes")
    @classmethod
    def _secret_in_transit(cls, address: str) -> str:
        if fault := fault_of_address(address):
            raise ValueError(fault)
        if not address.startswith("https://"):
            raise ValueError("expected https://, since a token is sent there")  # noqa: TRY003 as above
        return address

    @model_validator(mode="after")
    def _by_one(self) -> Self:
        given = [name for name in ("command", "supervisord", "deployment") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"one of them runs the learner: {' or '.join(given)}")  # noqa: TRY003 as above
        if bool(self.supervisord) != bool(self.program):
            raise ValueError("supervisord and program belong together")  # noqa: TRY003 as above
        return self

    @property
    def is_supervised(self) -> bool:
        """Whether anybody runs a learner."""
        return bool(self.command or self.supervisord or self.deployment)
