"""The IoT system, played through: `make demo-iot`, `make load-iot`."""
