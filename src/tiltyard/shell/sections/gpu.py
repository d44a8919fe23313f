"""The ``[gpu]`` section of the settings: who says how busy the GPUs are."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tiltyard.shell.sections.web_address import fault_of_address

AUTO, OFF, ON_THIS_MACHINE = "auto", "off", "nvml"


class GpuSettings(BaseModel):
    """GPUs that are watched while a desk runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = AUTO
    every: float = Field(default=5.0, ge=1, le=30)

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source in {AUTO, OFF, ON_THIS_MACHINE}:
            return source
        if fault := fault_of_address(source):
            raise ValueError(f"expected auto, off, nvml or an exporter's address; {fault}")  # noqa: TRY003 pydantic collects it
        return source
