# Classification Architectures. `make book` and `make test` need Python 3.11 and make, no more.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Notebooks and tests run side by side, one thread each: two threads each would fight.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: book test notebooks results export lab address assignments grade slides clean distclean

book: $(READY)
	$(BIN)/python -m tools.build_book

test: book .venv/.system .venv/.instructor
	$(BIN)/python -m pytest

notebooks: $(READY)
	$(BIN)/python -m tools.export
	$(BIN)/python -m tools.execute $(ONLY)

results: $(READY)
	$(BIN)/python -m tools.record $(ONLY)

export: $(READY)
	$(BIN)/python -m tools.export

lab: $(READY)
	$(BIN)/jupyter lab notebooks

address: $(READY)
	$(BIN)/python -m tools.address "$(URL)"

assignments: .venv/.instructor
	$(BIN)/python -m tools.instructor.assignments $(SECTIONS)

grade: .venv/.instructor
	$(BIN)/python -m tools.instructor.grade "$(SUBMISSIONS)"

slides: $(READY)
	$(BIN)/python -m tools.slides $(SECTIONS)

clean:
	rm -rf _build _slides build dist *.egg-info .pytest_cache

distclean: clean
	rm -rf .venv

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; v = sys.version_info; v >= (3, 11) or sys.exit('Python %d.%d found, 3.11 or newer needed: make PYTHON=python3.12' % v[:2])"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

.venv/.system: $(READY)
	$(BIN)/python -m tools.setup_system
	touch $@

.venv/.instructor: $(READY) requirements-instructor.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-instructor.txt
	touch $@
