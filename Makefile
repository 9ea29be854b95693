# The two commands of README, thin: all set-up is done by the scripts they call. Both need root, for apt and namespaces.
BUILD ?= build
# Debian's own meson, whatever else the shell finds first.
export PATH := /usr/bin:$(PATH)

all: $(BUILD)/build.ninja
	@echo "building in $(BUILD)/"
	@ninja -C $(BUILD) --quiet

build-bench/build.ninja: options = --buildtype=release
%/build.ninja:
	@text=$$(meson setup $* --werror $(options) 2>&1) || { echo "$$text"; exit 1; }

# KEEP=1 stays in the foreground until Ctrl-C.
run:
	@tests/lib/packages build run
	@$(MAKE) --no-print-directory all
	@KEEP=$(KEEP) data/demo/run $(BUILD)

check:
	@tests/lib/packages build run check
	@/usr/bin/python3 tests/lib/check

# The Debian package, as build-deb/nova-compute-native_*.deb.
deb:
	@tests/lib/packages build deb
	@data/debian/build build-deb

bench:
	@tests/lib/packages build run check
	@$(MAKE) --no-print-directory all BUILD=build-bench
	@meson test -C build-bench --benchmark --verbose

clean:
	rm -rf $(BUILD) build-bench build-check build-deb

.PHONY: all run check deb bench clean
