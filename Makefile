# `make demo` makes a real campaign on a fresh machine; `make test` passes every test. Needs Rust, Python 3 and a C compiler.
.PHONY: demo demo-cluster test lint check-deploy audit sbom few-shot generation scale runtime browser broker soak build models-venv models-witness test-models bundle fixture clean
PYTHON := models/.venv/bin/python

demo: runtime
	cargo build --release --locked
	@./target/release/housestyle run specs/demo.yaml --out out || { code=$$?; [ $$code -eq 3 ] && echo "(exit code 3: some were refused by the gate, with reasons beside them in rejected/)" || exit $$code; }
	@./target/release/housestyle baseline import eval/demo/agency --name agency --campaign specs/demo.yaml --out out
	@./target/release/housestyle report specs/demo.yaml --baseline agency --references eval/demo/references.yaml --costs specs/costs.yaml --out out --to out/report

# The whole house on this machine: a broker and an S3 server of its own, two workers; submit, watch, report.
demo-cluster: runtime broker
	cargo build --release --locked -p housestyle -p housestyle-testkit --bins
	@target/release/cluster

test: runtime browser broker lint check-deploy
	HOUSESTYLE_TESTS=all cargo test --locked --workspace

lint:
	cargo fmt --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

# Everything in deploy/, and the licences and sources of all dependencies; brings its own tools, needs no container engine.
check-deploy:
	@deploy/check.sh

# As check-deploy does, and also known vulnerabilities, whose database is fetched from the internet.
audit: check-deploy
	deploy/.tools/bin/cargo-deny check

# What the program is made of, as CycloneDX: deploy/sbom.cdx.json.
sbom: check-deploy
	cp deploy/.tools/sbom.json deploy/sbom.cdx.json

runtime:
	@deploy/fetch-onnxruntime.sh

# A Chromium and a Japanese font, for the tests that open the report in a real browser.
browser:
	@deploy/fetch-chromium.sh
# The tests start a broker of their own; this installs the Debian package where it is missing.
broker:
	@deploy/install-rabbitmq.sh

# Many jobs on a stub engine, workers killed at random, the broker restarted; counts: JOBS, WORKERS, KILLS, RESTARTS; PLACE=folder.
soak: broker
	cargo run --release --locked -p housestyle-testkit --bin soak -- --jobs $(or $(JOBS),10000) --workers $(or $(WORKERS),3) \
	  --kills $(or $(KILLS),12) --restarts $(or $(RESTARTS),2) --place $(or $(PLACE),bucket)

build: runtime
	cargo build --release --locked

# The Python side is needed only to train, import or export bundles.
models-venv: $(PYTHON)
$(PYTHON): models/requirements.txt
	python3 -m venv models/.venv
	$(PYTHON) -m pip install --quiet -r models/requirements.txt
	touch $(PYTHON)

# A second witness of the training step, where its last release installs (CPython up to 3.11); elsewhere its test is skipped.
WITNESS := models/.venv-witness
models-witness: $(WITNESS)/done
$(WITNESS)/done: models/requirements-witness.txt
	@python3 -m venv $(WITNESS) && if $(WITNESS)/bin/python -m pip install --quiet --only-binary=:all: -r $<; \
	then touch $@; else rm -rf $(WITNESS); echo "onnxruntime-training does not install here: its test is skipped"; fi

test-models: models-venv models-witness
	cd models && .venv/bin/python -m pytest -q

# Trains whatever is not trained yet (resumable) and writes models/emoji-houses.
bundle: models-venv
	cd models && ./train.sh

# Table 1 of eval/few-shot.md; hours on two cores, resumable (out/few-shot.jsonl). The first call downloads and renders the drawings.
few-shot: runtime models-venv
	cd models && .venv/bin/python -m housestyle_models.emoji --pngs ../out/drawings
	cargo run --release --locked -p housestyle-study-few-shot -- out/drawings

# Tables 2 to 4 of eval/generation.md with their curves and grids; hours on two cores, resumable (out/drawing).
generation: runtime models-venv
	cd models && .venv/bin/python -m housestyle_models.emoji --pngs ../out/drawings
	cargo run --release --locked -p housestyle-study-drawing -- out/drawings --figures eval

# How evidence scales: 432 images beside as many bought ones, then 5,184; seconds and peak memory of import, eval and report. The first
# call draws the 432.
scale: runtime
	cargo build --release --locked -p housestyle -p housestyle-study-scale --bins
	@target/release/scale

fixture: models-venv
	cd models && .venv/bin/python -m housestyle_models.fixture

clean:
	rm -rf target runtime out
