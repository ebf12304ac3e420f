"""The sensors of a device: one class between the program and the hardware, and simulated ones."""

import math
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


class Hardware(Protocol):
    """A sensor, with what it can switch."""

    kind: str
    """Type of its measurements, the last level of their topic."""

    def read(self) -> Mapping[str, float]:
        """Measure.

        Raises:
            OSError: the sensor does not answer; the program tries again at the next interval.
        """
        ...

    def switch(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Apply the part of a desired state that the hardware has, and return that part as it is now."""
        ...


def measured(hardware: Hardware) -> Mapping[str, float]:
    """Return what hardware measures.

    Raises:
        OSError: it does not answer, or with what is no finite number.
    """
    readings = hardware.read()
    if wrong := [name for name, value in readings.items() if not math.isfinite(value)]:
        raise OSError(f"no finite number: {', '.join(wrong)}")
    return readings


class Hygrometer:
    """A DHT11, DHT22 or BME280 of a Raspberry Pi, by the kernel's industrial I/O (``dtoverlay=dht11``).

    A humidifier may hang at a pin that the kernel shows as an LED (``dtoverlay=gpio-led``).
    """

    kind = "climate"

    def __init__(
        self,
        device: Path = Path("/sys/bus/iio/devices/iio:device0"),
        humidifier: Path = Path("/sys/class/leds/humidifier/brightness"),
    ) -> None:
        """Use the files of the kernel.

        Args:
            device: Folder of the sensor.
            humidifier: File that switches the humidifier.
        """
        self._device = device
        self._humidifier = humidifier

    def read(self) -> Mapping[str, float]:
        """Measure temperature in degrees Celsius and relative humidity in per cent."""
        return {"temperature": self._value("in_temp_input"), "humidity": self._value("in_humidityrelative_input")}

    def switch(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Switch the humidifier."""
        if not isinstance(state.get("humidifier"), bool):
            return {}
        self._humidifier.write_text("1" if state["humidifier"] else "0")
        return {"humidifier": state["humidifier"]}

    def _value(self, name: str) -> float:
        return int((self._device / name).read_text()) / 1000


class SimulatedHygrometer:
    """A room whose climate swings over the day; a humidifier makes it damp."""

    kind = "climate"

    def __init__(self, seed: str = "") -> None:
        """Make a room; the same seed gives the same noise."""
        self._noise = random.Random(seed)  # noqa: S311 - a simulation
        self._humidifier = False

    def read(self) -> Mapping[str, float]:
        """Measure temperature in degrees Celsius and relative humidity in per cent."""
        swing = math.sin(time.time() / 86_400 * math.tau)
        temperature = 21 + 3 * swing + self._noise.gauss(0, 0.2)
        humidity = 45 - 5 * swing + self._noise.gauss(0, 0.5) + (20 if self._humidifier else 0)
        return {"temperature": round(temperature, 2), "humidity": round(humidity, 2)}

    def switch(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Switch the humidifier."""
        if not isinstance(state.get("humidifier"), bool):
            return {}
        self._humidifier = state["humidifier"]
        return {"humidifier": self._humidifier}


class SimulatedChair:
    """A chair that senses movement and illuminance, with a lamp beside it.

    Attributes:
        occupied: Whether somebody sits on it.
        daylight: Illuminance without the lamp, in lux.
    """

    kind = "seat"

    def __init__(self, seed: str = "") -> None:
        """Make a chair that nobody sits on, by day; the same seed gives the same noise."""
        self._noise = random.Random(seed)  # noqa: S311 - a simulation
        self._lamp = False
        self.occupied = False
        self.daylight = 300.0

    def read(self) -> Mapping[str, float]:
        """Measure movement, 0 to 1, and illuminance in lux."""
        movement = min(1.0, abs(self._noise.gauss(0.75 if self.occupied else 0, 0.05)))
        illuminance = abs(self._noise.gauss(self.daylight, self.daylight / 20)) + (400 if self._lamp else 0)
        return {"movement": round(movement, 3), "illuminance": round(illuminance, 1)}

    def switch(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Switch the lamp."""
        if not isinstance(state.get("lamp"), bool):
            return {}
        self._lamp = state["lamp"]
        return {"lamp": self._lamp}
