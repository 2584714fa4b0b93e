// libsystemd, of which sd-bus speaks to systemd over D-Bus.
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
