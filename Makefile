# Everything a fresh Debian machine with the Swift toolchain needs: `make demo`, `make test`.

PREFIX ?= /usr/local
# The arrows between the targets (docs/architecture.md) are checked by every build.
SWIFT_FLAGS = -c release --explicit-target-dependency-import-check error
PARE = .build/release/pare
PYTHON = .venv/bin/python

.PHONY: demo test build setup install soak clean

build: setup
	swift build $(SWIFT_FLAGS) --product pare

demo: build
	$(PARE) scripts/demo.lua

test: setup $(PYTHON)
	swift build $(SWIFT_FLAGS) --build-tests
	PARE_TEST_PYTHON="$(CURDIR)/$(PYTHON)" swift test $(SWIFT_FLAGS) --skip-build --no-parallel

setup:
	@scripts/setup.sh

$(PYTHON): Tests/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement Tests/requirements.txt
	touch $@

install: build
	scripts/install.sh "$(PREFIX)"

# Longer than a test may take: fuzzing, kill tests, sweeps.
soak: build $(PYTHON)
	PARE="$(CURDIR)/$(PARE)" PYTHON="$(CURDIR)/$(PYTHON)" scripts/soak.sh

clean:
	rm -rf .build .venv out
