# `make demo` makes a real campaign on a fresh machine; `make test` passes every test. Needs Rust, Python 3 and a C compiler.
.PHONY: demo test lint few-shot runtime build models-venv test-models bundle fixture clean
PYTHON := models/.venv/bin/python

demo: runtime
	cargo build --release --locked
	@./target/release/housestyle run specs/demo.yaml --out out || { code=$$?; [ $$code -eq 3 ] && echo "(exit code 3: some were refused by the gate, with reasons beside them in rejected/)" || exit $$code; }

test: runtime lint
	cargo test --locked

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet

runtime:
	@deploy/fetch-onnxruntime.sh

build: runtime
	cargo build --release --locked

# The Python side is needed only to train, import or export bundles.
models-venv: $(PYTHON)
$(PYTHON): models/requirements.txt
	python3 -m venv models/.venv
	$(PYTHON) -m pip install --quiet -r models/requirements.txt
	touch $(PYTHON)

test-models: models-venv
	cd models && .venv/bin/python -m pytest -q

# Trains whatever is not trained yet (resumable) and writes models/emoji-houses.
bundle: models-venv
	cd models && ./train.sh

# Table 1 of eval/few-shot.md; hours on two cores, resumable (out/few-shot.jsonl). The first call downloads and renders the drawings.
few-shot: runtime models-venv
	cd models && .venv/bin/python -m housestyle_models.emoji --pngs ../out/drawings
	cargo run --release --locked --example few_shot -- out/drawings

fixture: models-venv
	cd models && .venv/bin/python -m housestyle_models.fixture

clean:
	rm -rf target runtime out
