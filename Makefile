# The one task runner. Every target sets up what it needs: Python >= 3.11 and make are enough to start.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := $(VENV)/.installed
# Pillow as Lambda runs it, whatever this machine is: Python and processor of cdp_constructs/core/functions.py.
PILLOW_LAYER := build/layers/pillow
PILLOW_MADE := build/layers/.pillow
PILLOW_TARGET := --only-binary :all: --python-version 3.14 --python-platform aarch64-manylinux_2_28
# What encrypts messages of Web Push; pure Python, and what it needs is in the layer of Powertools.
WEB_PUSH_LAYER := build/layers/web-push
WEB_PUSH_MADE := build/layers/.web-push
INSTALLED := $(PACKAGES) $(PILLOW_MADE) $(WEB_PUSH_MADE)
# The tools for audit and SBOM, apart from what the tests run with.
SUPPLY_CHAIN_LOCK := requirements/supply-chain.lock
# The chat's web client, and the page of the dojo's board without a server; what is built is not committed.
WEB := stacks/chat/web
PAGE := stacks/dojo/browser_only/web
WEB_TOOLS := $(addsuffix /node_modules/.installed,$(WEB) $(PAGE))
WEB_BUILT := $(addsuffix /dist/index.html,$(WEB) $(PAGE))
web_sources = $(1)/index.html $(wildcard $(1)/vite.*) $(1)/tsconfig.json $(shell find $(wildcard $(1)/src $(1)/public) -type f)
CHROMIUM ?= /usr/bin/chromium

# Byte code is cached and jsii runs on Node 24 of the virtual environment, not on whatever the machine has.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_NODE := $(CURDIR)/$(BIN)/node
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.PHONY: help install web lock patterns pattern pages demo demo-web demo-iot dojo demo-servers demo-services demo-mobile demo-serverless load load-iot drill dist test test-systems test-local test-servers test-web test-demos test-packaging test-security test-operator aws-smoke test-clients test-versions chromium audit sbom text-rules service-authorization synth review snapshots replacements lint format types docs bench bench-chat bench-servers test-options test-files test-properties test-anywhere foreign conformance test-deployment clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 15

install: $(INSTALLED) $(WEB_BUILT) ## set up everything from the lock files: .venv, node_modules, the layers with Pillow and for Web Push, the built web client

$(PACKAGES): requirements/dev.lock package-lock.json pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements/dev.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/npm ci --silent
	@touch $@

$(PILLOW_MADE): requirements/pillow-layer.lock | $(PACKAGES)
	rm -rf $(PILLOW_LAYER)
	$(BIN)/uv pip install --quiet --no-deps --require-hashes $(PILLOW_TARGET) --target $(PILLOW_LAYER)/python \
		-r requirements/pillow-layer.lock
	rm -f $(PILLOW_LAYER)/python/.lock
	@touch $@

$(WEB_PUSH_MADE): requirements/web-push-layer.lock | $(PACKAGES)
	rm -rf $(WEB_PUSH_LAYER)
	$(BIN)/uv pip install --quiet --no-deps --require-hashes --target $(WEB_PUSH_LAYER)/python -r requirements/web-push-layer.lock
	rm -f $(WEB_PUSH_LAYER)/python/.lock
	@touch $@

web: $(WEB_BUILT) ## build the chat's web client and the page of board D9, each into its dist

$(WEB_TOOLS): %/node_modules/.installed: %/package-lock.json | $(INSTALLED)
	cd $* && "$(CURDIR)/$(BIN)/npm" ci --silent
	@touch $@

$(WEB)/dist/index.html: $(call web_sources,$(WEB))
$(PAGE)/dist/index.html: $(call web_sources,$(PAGE))
$(WEB_BUILT): %/dist/index.html: %/node_modules/.installed
	cd $* && "$(CURDIR)/$(BIN)/npm" run --silent build
	@touch $@

lock: ## resolve the dependencies anew into the lock files (versions and hashes only)
	$(BIN)/uv pip compile --quiet pyproject.toml --extra analytics --extra local --extra servers --extra testing --group dev --universal --upgrade \
		--generate-hashes --no-emit-index-url --no-header --annotation-style line -o requirements/dev.lock
	echo pillow | $(BIN)/uv pip compile --quiet - --constraint requirements/dev.lock $(PILLOW_TARGET) --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -o requirements/pillow-layer.lock
	echo http-ece | $(BIN)/uv pip compile --quiet - --no-deps --constraint requirements/dev.lock --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -o requirements/web-push-layer.lock
	$(call server_pins,local) | $(SERVER_LOCK) -o $(SERVER_PINS)/server.txt
	$(call server_pins,analytics) | $(SERVER_LOCK) --constraint $(SERVER_PINS)/server.txt -o $(SERVER_PINS)/analytics.txt
	$(call server_pins,servers) | $(SERVER_LOCK) --constraint $(SERVER_PINS)/server.txt -o $(SERVER_PINS)/servers.txt
	$(BIN)/uv pip compile --quiet benchmarks/apps/solutions_constructs/requirements.in --universal --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --upgrade -o $(BENCH_THEIR_LOCK)
	cd $(BENCH_TYPESCRIPT) && $(NODE_LOCK)
	$(BIN)/uv pip compile --quiet stacks/dojo/app/requirements.in --universal --python-version 3.11 --constraint requirements/dev.lock --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -o stacks/dojo/app/requirements.txt
	cd $(PAGE) && $(NODE_LOCK)
	cd $(SERVER_PINS)/node/v2 && $(NODE_LOCK)
	cd $(SERVER_PINS)/node/v3 && $(NODE_LOCK)
	printf 'cyclonedx-bom\npip-audit\n' | $(SERVER_LOCK) --upgrade -o $(SUPPLY_CHAIN_LOCK)

# What `cdp local install` installs: an extra of this project, without the project and its client part.
SERVER_PINS := cdp_constructs/local/process/pins
NODE_LOCK = "$(CURDIR)/$(BIN)/npm" update --package-lock-only --omit-lockfile-registry-resolved --silent
SERVER_LOCK = $(BIN)/uv pip compile --quiet - --universal --python-version 3.11 --constraint requirements/dev.lock \
	--generate-hashes --no-emit-index-url --no-header --no-annotate
define server_pins
	$(BIN)/python -c "import tomllib; extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
		print(*(line for line in extras['$(1)'] if not line.startswith('cdp-constructs')), sep='\n')"
endef

demo: $(INSTALLED) $(WEB_BUILT) ## the chat in two Regions of the embedded cloud (KEEP=1 leaves it running, SCENE=crowd or all plays more)
	$(BIN)/python -m demo.chat $(if $(KEEP),--keep) $(if $(SCENE),--scene $(SCENE))

demo-web: $(INSTALLED) $(WEB_BUILT) ## the chat's web client on the embedded cloud, for your own browser; Ctrl-C ends it
	$(BIN)/python -m demo.chat.web

load: $(INSTALLED) $(WEB_BUILT) ## 200 people in 50 rooms and 5,000 messages, a consumer killed half way, then an overload (LOAD="--messages 500" for less)
	$(BIN)/python -m demo.chat.load $(LOAD)

demo-iot: $(INSTALLED) ## 50 devices in a home and a factory, on the embedded cloud (KEEP=1 leaves it running)
	PYTHONPATH=devices $(BIN)/python -m demo.iot $(if $(KEEP),--keep)

load-iot: $(INSTALLED) ## 200 devices and 20,000 measurements, counted in both layers (LOAD="--messages 2000" for less)
	PYTHONPATH=devices $(BIN)/python -m demo.iot.load $(LOAD)

dojo: $(INSTALLED) $(WEB_BUILT) ## all boards of the dojo: twelve people talk while servers, zones and Regions are lost (BOARD="d3 d6" some, WRITE=1 for the gallery)
	$(BIN)/python -m demo.dojo $(if $(BOARD),--board $(BOARD)) $(if $(WRITE),--write)

demo-servers: $(INSTALLED) ## its four boards of servers, with releases and load, too (BOARD=d2 one of them)
	$(BIN)/python -m demo.dojo --servers $(if $(BOARD),--board $(BOARD))

demo-services: $(INSTALLED) ## orders, billing and shipping by events only, while queues and functions fail; 10,000 events (EVENTS=2000 for less)
	$(BIN)/python -m demo.services $(if $(EVENTS),--events $(EVENTS))

demo-mobile: $(INSTALLED) ## two phones of one person behind one front: saved data, pictures, notices, and requests without a function
	PYTHONPATH=devices $(BIN)/python -m demo.mobile

demo-serverless: $(INSTALLED) ## price lists through a workflow: in parallel, a map, a person's approval, what fails is undone or goes on
	$(BIN)/python -m demo.serverless

drill: $(INSTALLED) $(WEB_BUILT) ## lose a Region in the middle of a conversation, and get it back (LOSE=other for the one that is not home)
	$(BIN)/python -m demo.chat.drill --lose $(or $(LOSE),home)

# Three workers also on two cores: they wait for the embedded cloud for four tenths of the time and more. Each has a
# synthesis and an embedded cloud of its own, shared by the tests of a file.
BY_FILE := --dist loadfile --no-loadscope-reorder
WORKERS := -n 3 $(BY_FILE)

test: $(INSTALLED) $(WEB_BUILT) ## the library: every template, every pattern on the embedded cloud (PYTEST_ARGS="tests/upload -n 0" runs a part)
	$(BIN)/python -m pytest $(WORKERS) $(PYTEST_ARGS)

# What a set of tests is: its target and `make test-anywhere SET=…` run it.
SET_systems := tests/behaviour/stacks tests/stacks -m "system and not (browser or clients or conformance)"
SET_security := tests/security tests/upload -m security
SET_operator := tests/operator -m operator

test-systems: $(INSTALLED) $(WEB_BUILT) ## the reference systems: their templates, their handlers, and what they do on the embedded cloud (PYTEST_ARGS as for test)
	$(BIN)/python -m pytest $(SET_systems) $(WORKERS) $(PYTEST_ARGS)

SERVER_TESTS := tests/stacks/dojo/app tests/local/containers tests/behaviour/compute tests/behaviour/servers $(addprefix tests/local/services/,autoscaling ecs elasticache elbv2 lambda_/node rds)

test-local: $(INSTALLED) ## the embedded cloud by itself: its services, processes and command (PYTEST_ARGS as for test)
	$(BIN)/python -m pytest tests/local tests/cli $(addprefix --ignore=,$(SERVER_TESTS)) -m conformance -n auto --maxprocesses 4 $(BY_FILE) \
		$(PYTEST_ARGS)

test-servers: $(INSTALLED) ## containers, load balancers, databases, caches and the AWS SDK for Node.js of the embedded cloud (PYTEST_ARGS as for test)
	$(BIN)/python -m pytest $(SERVER_TESTS) -m conformance -n auto --maxprocesses 2 $(BY_FILE) $(PYTEST_ARGS)

# Handlers, devices and what reads times and texts. PYTEST_ARGS="-n auto tests" takes all, SHUFFLE_SEED repeats an order.
# AT="23:59:58" or AT="2028-02-29 23:59:50" begins at that time of UTC; on Linux, with cc. SET=systems, security or
# operator takes the tests of that target, which need the built web client, and of security a browser.
test-anywhere: $(INSTALLED) $(if $(SET),$(WEB_BUILT)) ## a sample, or SET=operator, in another time zone, locale and order of tests, at another hour (AT="23:59:58")
	TZ=$(or $(ZONE),Pacific/Kiritimati) LC_ALL=C PYTHONHASHSEED=random CHROMIUM=$(CHROMIUM) $(if $(AT),$(BIN)/python -m tests.clock "$(AT)") \
		$(BIN)/python -m pytest -p tests.shuffled -q $(if $(SET),$(SET_$(SET)) -n 0) \
		$(or $(PYTEST_ARGS),$(if $(SET),,-n 0 tests/core tests/devices tests/*/handlers))

# Chromium of the distribution; Debian and Ubuntu get it here when this may install, others name theirs.
chromium:
	@test -x $(CHROMIUM) || { command -v apt-get >/dev/null && test "$$(id -u)" = 0 && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-ipafont-gothic >/dev/null; } || \
		{ echo "There is no browser at $(CHROMIUM). Install Chromium, or name one: make test-web CHROMIUM=/path/to/chromium"; exit 1; }

test-web: $(INSTALLED) $(WEB_BUILT) chromium ## pages in Chromium: the web client, its logic first, the board without a server, the gallery's pictures, the site's diagrams
	cd $(WEB) && "$(CURDIR)/$(BIN)/npm" test --silent
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest tests/stacks/chat/web tests/stacks/dojo/browser_only/web tests/tools/test_site.py tests/stacks/dojo/test_pictures.py --ignore=tests/stacks/chat/web/test_demo.py -m browser -n 0 $(PYTEST_ARGS)

test-demos: $(INSTALLED) $(WEB_BUILT) chromium ## demonstrations leave no file and no process, however they end
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest tests/stacks/chat/web/test_demo.py -m browser -n 0 $(PYTEST_ARGS)

test-packaging: $(INSTALLED) ## the wheel in an environment of its own, its bill of materials, and what make pattern writes
	$(BIN)/python -m pytest tests/test_wheel.py tests/tools -m packaging -n auto --maxprocesses 2 $(BY_FILE) $(PYTEST_ARGS)

test-security: $(INSTALLED) $(WEB_BUILT) chromium ## attackers against the chat, the IoT system, the mobile backend and the board without a server on the embedded cloud, by who they are, and hostile files
	CHROMIUM=$(CHROMIUM) $(BIN)/python -m pytest $(SET_security) -n auto --maxprocesses 2 $(BY_FILE) $(PYTEST_ARGS)

test-operator: $(INSTALLED) $(WEB_BUILT) ## an operator at night: every alarm is raised by its cause, every page's commands run
	$(BIN)/python -m pytest $(SET_operator) -n auto --maxprocesses 2 $(BY_FILE) $(PYTEST_ARGS)

test-deployment: $(INSTALLED) $(WEB_BUILT) ## the commands of docs/deploy.md, a pipeline and workflows, with the CDK CLI against the embedded cloud
	$(BIN)/python -m pytest tests/deployment tests/behaviour/pipeline -m deployment -n 0 $(PYTEST_ARGS)

aws-smoke: $(INSTALLED) ## behaviour tests of two patterns on an AWS account, bootstrapped in us-east-1, and on the embedded cloud: what differs (PROFILE=name)
	$(BIN)/python -m tools.aws_smoke $(if $(PROFILE),--profile "$(PROFILE)") $(if $(ENDPOINT),--endpoint "$(ENDPOINT)")

test-clients: $(INSTALLED) ## devices written with the AWS IoT Device SDK and with Node.js, in the fleet beside ours
	$(BIN)/python -m pytest tests/behaviour/stacks/iot -m clients -n 0 $(PYTEST_ARGS)

test-options: $(INSTALLED) ## each option of each construct gets every wrong value of the table in tests/options; make test tries a sample
	$(BIN)/python -m pytest tests/options -m "options or not options" -n 0 $(PYTEST_ARGS)

test-files: $(INSTALLED) chromium ## files of public projects through the upload check and the thumbnails: make test-files CORPORA=/path/to/clones
	$(BIN)/python -m tools.public_files "$(CORPORA)" --chromium $(CHROMIUM) $(if $(WRITE),--write)

foreign: $(INSTALLED) ## cloud assemblies of a local clone, and their listed entries: make foreign CLONE=/path COUNT=100 (LISTED=1 only those, WRITE=name for the page)
	$(BIN)/cdp local install-node-sdk
	$(BIN)/python -m tools.foreign "$(CLONE)" --count $(or $(COUNT),100) $(if $(LISTED),--listed) $(if $(WRITE),--write "$(WRITE)") $(FOREIGN_ARGS)

conformance: $(INSTALLED) ## the assertions of the CDK's integration tests on the embedded cloud: make conformance CLONE=/path COUNT=100
	$(BIN)/cdp local install-node-sdk
	$(BIN)/python -m tools.foreign "$(CLONE)" --assertions --count $(or $(COUNT),100) $(if $(WRITE),--write "$(WRITE)") $(FOREIGN_ARGS)

test-properties: $(INSTALLED) ## handlers against what strangers send: ten times the examples of test (PYTEST_ARGS as for test)
	PROPERTY_EXAMPLES=5 $(BIN)/python -m pytest tests/properties -n auto --maxprocesses 4 --dist load $(PYTEST_ARGS)

test-versions: $(INSTALLED) $(WEB_BUILT) ## the oldest CDK and boto3 that the library allows, in environments of their own
	$(BIN)/python -m tools.lowest_versions

audit: $(INSTALLED) ## known vulnerabilities of what the lock files name; asks the advisory databases
	$(BIN)/python -m tools.audit $(AUDIT)

dist: $(INSTALLED) ## the sdist, and the wheel that it builds, in dist/ (REPOSITORY=https://… gives the package its links)
	rm -rf dist
	CDP_REPOSITORY="$(REPOSITORY)" $(BIN)/python -m build --no-isolation --outdir dist

sbom: $(INSTALLED) ## the wheel, and a CycloneDX list of what is installed with it, in dist/
	$(BIN)/python -m tools.sbom

text-rules: $(INSTALLED) ## what CloudFormation accepts in names and descriptions, from the newest resource schemas, for the embedded cloud
	$(BIN)/uv run --quiet --isolated --no-project --with cfn-lint python tools/text_rules.py

service-authorization: $(INSTALLED) ## the actions of IAM and what they take, which the policies of all templates are compared with, from the newest reference
	$(BIN)/python -m tools.service_authorization

synth: $(INSTALLED) $(WEB_BUILT) ## cdk synth into a clean cdk.out
	rm -rf cdk.out
	cdk synth --quiet

pattern: $(INSTALLED) ## the files of a new pattern, ready to fill: make pattern FAMILY=upload NAME=VirusScan
	$(BIN)/python -m tools.new_pattern "$(FAMILY)" "$(NAME)"

patterns: $(INSTALLED) ## write exports, stubs, tables and the catalogue from the patterns' docstrings; say what a pattern lacks
	$(BIN)/python -m tools.patterns

# Code and options follow from files; diagrams, costs and findings from the examples, which the tests synthesise.
pages: $(INSTALLED) $(WEB_BUILT) ## write the parts of pages that follow from code: examples, options, diagrams, what is made, costs, findings
	$(BIN)/python -m tools.page_parts
	$(BIN)/python -m pytest tests -k test_page $(SNAPSHOTS)
	$(BIN)/python -m pytest tests/stacks/dojo/test_gallery.py -k test_page -m system $(SNAPSHOTS)

# Not $(INSTALLED): a revision that is reviewed installs nothing.
review: ## what changed in the architecture since a revision: make review BASE=main
	@test -x $(BIN)/cdp || { echo "make install on a revision that you trust, then make review" >&2; exit 1; }
	@$(BIN)/cdp review $(or $(BASE),main)

SNAPSHOTS = -n auto --maxprocesses 4 $(BY_FILE) --snapshot-update $(PYTEST_ARGS)
snapshots: $(INSTALLED) $(WEB_BUILT) ## write the snapshots and cards that the tests compare with, then read their diff (PYTEST_ARGS as for test)
	$(BIN)/python -m pytest tests --ignore=tests/behaviour -m "system and not (browser or conformance)" $(SNAPSHOTS)
	$(BIN)/python -m pytest $(SNAPSHOTS)

# Which properties CloudFormation cannot change in place, for `cdp review`.
replacements: $(INSTALLED) ## write the rules for replacement from the newest specification of resources
	$(BIN)/node tools/replacements.mjs

lint: $(INSTALLED) $(WEB_TOOLS) ## ruff and, for the web client, biome: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd $(WEB) && "$(CURDIR)/$(BIN)/npm" run --silent lint
	cd $(PAGE) && "$(CURDIR)/$(BIN)/npm" run --silent lint

format: $(INSTALLED) $(WEB_TOOLS) ## let ruff and biome rewrite what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd $(WEB) && "$(CURDIR)/$(BIN)/npm" run --silent format
	cd $(PAGE) && "$(CURDIR)/$(BIN)/npm" run --silent format

# What functions import from layers, and the program of a device, are top-level modules: found where they are.
TOP_LEVEL_PATHS := $(wildcard cdp_constructs/*/layers/*/python) devices
TOP_LEVEL_MODULES := $(notdir $(patsubst %/__init__.py,%,$(wildcard $(addsuffix /*/__init__.py,$(TOP_LEVEL_PATHS)))) \
	$(basename $(wildcard $(addsuffix /*.py,$(TOP_LEVEL_PATHS)))))
empty :=
colon := $(empty):$(empty)

types: $(INSTALLED) $(WEB_TOOLS) ## mypy --strict, and the TypeScript compiler
	MYPYPATH=$(subst $(empty) $(empty),$(colon),$(TOP_LEVEL_PATHS)) $(BIN)/mypy \
		$(addprefix -p ,cdp_constructs stacks demo benchmarks tools $(TOP_LEVEL_MODULES))
	cd $(WEB) && "$(CURDIR)/$(BIN)/npm" run --silent types
	cd $(PAGE) && "$(CURDIR)/$(BIN)/npm" run --silent types

docs: $(INSTALLED) ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/properdocs build --strict --quiet

bench-chat: $(INSTALLED) $(WEB_BUILT) ## what a message of the chat costs, beside a bare chat (BENCH="--rate 100" offers so many a second)
	$(BIN)/python -m benchmarks.chat $(BENCH)

# The jobs of the benchmark in TypeScript and with Solutions Constructs, installed by nothing else.
BENCH_TYPESCRIPT := benchmarks/apps/typescript
BENCH_COMPILED := $(BENCH_TYPESCRIPT)/dist/main.js
BENCH_THEIRS := build/benchmark/solutions-constructs
BENCH_THEIR_LOCK := benchmarks/apps/solutions_constructs/requirements.txt

$(BENCH_COMPILED): $(BENCH_TYPESCRIPT)/package-lock.json $(BENCH_TYPESCRIPT)/tsconfig.json $(wildcard $(BENCH_TYPESCRIPT)/src/*.ts) | $(PACKAGES)
	cd $(BENCH_TYPESCRIPT) && "$(CURDIR)/$(BIN)/npm" ci --silent && "$(CURDIR)/$(BIN)/npm" run --silent build

$(BENCH_THEIRS)/.installed: $(BENCH_THEIR_LOCK) | $(PACKAGES)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH_THEIRS)
	VIRTUAL_ENV="$(CURDIR)/$(BENCH_THEIRS)" $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode $(BENCH_THEIR_LOCK)
	@touch $@

bench: $(INSTALLED) $(BENCH_COMPILED) $(BENCH_THEIRS)/.installed ## the same jobs by hand, here and with Solutions Constructs; handlers, a message; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks $(BENCH)

bench-servers: $(INSTALLED) ## ten services, two databases and a cache on the embedded cloud: until they run, and while nothing happens
	$(BIN)/python -m benchmarks.servers

clean: ## remove everything that the other targets made
	rm -rf $(VENV) node_modules $(WEB)/node_modules $(WEB)/dist $(PAGE)/node_modules $(PAGE)/dist $(BENCH_TYPESCRIPT)/node_modules $(BENCH_TYPESCRIPT)/dist cdk.out build dist site .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
