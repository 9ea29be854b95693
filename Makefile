# The two commands of README, thin: all set-up is done by the scripts they call. Both need root, for apt and namespaces.
BUILD ?= build

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

# KEEP=1 stays in the foreground until Ctrl-C.
run:
	tests/lib/packages build run
	meson setup $(BUILD) --werror >/dev/null 2>&1 || meson setup $(BUILD) --reconfigure >/dev/null
	ninja -C $(BUILD) --quiet
	KEEP=$(KEEP) data/demo/run $(BUILD)

check:
	tests/lib/packages build run check
	/usr/bin/python3 tests/lib/check

bench:
	tests/lib/packages build run check
	meson setup build-bench --buildtype=release --werror >/dev/null 2>&1 || true
	ninja -C build-bench --quiet
	meson test -C build-bench --benchmark --verbose

clean:
	rm -rf $(BUILD) build-bench build-check

.PHONY: all run check bench clean
