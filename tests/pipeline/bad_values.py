"""Ways to get one value or key of params.yaml wrong, and how each is refused."""

from __future__ import annotations

__all__ = ["BAD_VALUES"]

# What is edited, what it becomes, and what the one line of the refusal says after its number. The
# number must be that of the last line of the edit; ABOVE stands for the number before it.
BAD_VALUES = {
    "dataset unknown": (
        "dataset: digits ",
        "dataset: digit ",
        "data.dataset is digit: 'digit' is no registered data set; did you mean digits?",
    ),
    "dataset a number": (
        "dataset: digits ",
        "dataset: 64 ",
        "data.dataset is 64: it must be text; put it in quotes",
    ),
    "source beside data that need none": (
        "source: null ",
        "source: /data ",
        "data.source is /data: digits comes with an installed library; write null",
    ),
    "source of no kind that is known": (
        "source: null ",
        "source: [/data, 's3://bucket/x'] ",
        "data.source[1] is 's3://bucket/x': s3 is not supported; name a folder, or an http or",
    ),
    "source with a password": (
        "source: null ",
        "source: https://me:secret@example.org/x ",
        "data.source is https://me:***@example.org/x: it holds a user name",
    ),
    "source without a server": (
        "source: null ",
        "source: 'https:///x' ",
        "data.source is 'https:///x': it is a web address without a server; correct it",
    ),
    "source twice": (
        "source: null ",
        "source: [/data, /data] ",
        "data.source[1] is /data: source holds /data twice; remove one",
    ),
    "source a number": (
        "source: null ",
        "source: [3] ",
        "data.source is [3]: it must be a folder or a web address (http or https) or a list",
    ),
    "no source for images of one's own": (
        "dataset: digits            # name of a registered data set (`batchscope datasets` lists "
        "them)\n  source: null ",
        "dataset: folder\n  source: null ",
        "data.source is null: the data set folder has no home; name a directory with one per class",
    ),
    "more examples than there are": (
        "examples: all ",
        "examples: 1798 ",
        "data.examples is 1798: digits has 1,797 examples; write all, or fewer",
    ),
    "no examples": (
        "examples: all ",
        "examples: 0 ",
        "data.examples is 0: it must be a whole number at least 1 or all; write all, for example",
    ),
    "seed negative": (
        "split_seed: 0 ",
        "split_seed: -1 ",
        "data.split_seed is -1: it must be a whole number at least 0 and below 2147483648; "
        "write 64, for example",
    ),
    "seed a float": (
        "split_seed: 0 ",
        "split_seed: 3.0 ",
        "data.split_seed is 3.0: it must be a whole number at least 0 and below 2147483648; "
        "write 3",
    ),
    "fraction too large": (
        "test_fraction: 0.125",
        "test_fraction: 12.5",
        "data.test_fraction is 12.5: it must be a finite number above 0 and below 1; "
        "write 0.1, for example",
    ),
    "fractions leave nothing": (
        "test_fraction: 0.125",
        "test_fraction: 0.9",
        "data.test_fraction is 0.9: with validation_fraction 0.125 it leaves nothing to train on; "
        "make their sum less than 1",
    ),
    "a split is empty": (
        "test_fraction: 0.125",
        "test_fraction: 0.0001",
        "data.test_fraction is 0.0001: it leaves none of 1797 examples for the test split; "
        "make it larger",
    ),
    "no list of models": (
        "models: [mlp, dense, local, conv, lenet]",
        "models: mlp",
        "models is mlp: it must be a list, not empty, each entry text; write [mlp], for example",
    ),
    "no models": (
        "models: [mlp, dense, local, conv, lenet]",
        "models: []",
        "models is []: it must be a list, not empty, each entry text; write [mlp], for example",
    ),
    "model unknown": (
        "models: [mlp, dense, local, conv, lenet]",
        "models: [mlp, convv]",
        "models[1] is convv: 'convv' is no registered network; did you mean conv?",
    ),
    "model a number": (
        "models: [mlp, dense, local, conv, lenet]",
        "models: [3]",
        "models[0] is 3: it must be text; put it in quotes",
    ),
    "model twice": (
        "models: [mlp, dense, local, conv, lenet]",
        "models: [mlp, conv, mlp]",
        "models[2] is mlp: models holds mlp twice; remove one",
    ),
    "batch size quoted": (
        "[1, 4, 16, 64, 256, full]",
        '[1, "4", 64]',
        'sweep.batch_sizes[1] is "4": it must be a whole number at least 1 or full; '
        "remove the quotes",
    ),
    "batch size true": (
        "[1, 4, 16, 64, 256, full]",
        "[true, 64]",
        "sweep.batch_sizes[0] is true: it must be a whole number at least 1 or full; "
        "write full, for example",
    ),
    "batch size zero": (
        "[1, 4, 16, 64, 256, full]",
        "[0, 64]",
        "sweep.batch_sizes[0] is 0: it must be a whole number at least 1 or full",
    ),
    "batch size misspelt": (
        "[1, 4, 16, 64, 256, full]",
        "[64, ful]",
        "sweep.batch_sizes[1] is ful: it must be a whole number at least 1 or full; "
        "did you mean full?",
    ),
    "batch size larger than the training split": (
        "[1, 4, 16, 64, 256, full]",
        "[64, 1348]",
        "sweep.batch_sizes[1] is 1348: the training split has 1347 examples; write full for all",
    ),
    "full in numbers beside full": (
        "[1, 4, 16, 64, 256, full]",
        "[64, 1347, full]",
        "sweep.batch_sizes[1] is 1347: full is 1347 too, the training split; remove one",
    ),
    "box empty": (
        "low: 0.003 ",
        "low: 10.0 ",
        "sweep.learning_rates.low is 10.0: high is 10, an empty box; make low < high",
    ),
    "learning rate zero": (
        "low: 0.003 ",
        "low: 0 ",
        "sweep.learning_rates.low is 0: it must be a finite number at least 1e-12 and at most "
        "1000000; write 0.003, for example",
    ),
    "learning rate infinite": (
        "high: 10.0 ",
        "high: .inf ",
        "sweep.learning_rates.high is .inf: it must be a finite number at least 1e-12 and at most "
        "1000000; write 10.0",
    ),
    "learning rate of no use": (
        "low: 0.003 ",
        "low: 1.0e-320 ",
        "sweep.learning_rates.low is 1.0e-320: it must be a finite number at least 1e-12 and at",
    ),
    "learning rate near infinity": (
        "high: 10.0 ",
        "high: 1.0e+308 ",
        "sweep.learning_rates.high is 1.0e+308: it must be a finite number at least 1e-12 and at",
    ),
    "a box that grows for ever": (
        "rounds: 2 ",
        "rounds: 2000 ",
        "sweep.expand.rounds is 2000: with 3 points each the box could grow until a learning rate "
        "is no number; make rounds * points at most 887",
    ),
    "epochs without end": (
        "epochs: 12 ",
        "epochs: 1.0e+300 ",
        "sweep.budget.epochs is 1.0e+300: it must be a finite number above 0 and at most 1000000; "
        "write 12, for example",
    ),
    "steps without end": (
        "min_steps: 400 ",
        "min_steps: 999999999999 ",
        "sweep.budget.min_steps is 999999999999: it must be a whole number at least 1 and at most "
        "1000000000; write 400, for example",
    ),
    "a folder for MLflow": (
        "uri: null ",
        "uri: ./mlruns ",
        "tracking.uri is ./mlruns: a folder of files, which MLflow no longer writes; set it to "
        "sqlite:///mlflow.db or",
    ),
    "a scheme that MLflow does not know, and a password": (
        "uri: null ",
        "uri: foo://me:s3cret@bar ",
        "tracking.uri is foo://me:***@bar: foo is not a scheme that MLflow knows; set it to",
    ),
    "a storage that is no URL": (
        "storage: null ",
        "storage: foo ",
        "tracking.storage is foo: not the URL of a database that Optuna serves; set it to "
        "sqlite:///optuna.db or",
    ),
    "MLflow's database for Optuna": (
        "storage: null ",
        "storage: sqlite:///./mlflow.db ",
        "tracking.storage is sqlite:///./mlflow.db: MLflow's database too, and the two programs "
        "break each other in one; set it to sqlite:///optuna.db",
    ),
    "Optuna's database for MLflow": (
        "uri: null ",
        "uri: sqlite:///optuna.db ",
        "tracking.uri is sqlite:///optuna.db: Optuna's database too, and the two programs break "
        "each other in one; set it to sqlite:///mlflow.db",
    ),
    "Sobol points no power of two": (
        "design: grid ",
        "design: sobol ",
        "sweep.design is sobol: Sobol points are even only in powers of two, and "
        "learning_rates.points is 12; make it 8 or 16",
    ),
    "hyperparameter unknown": (
        "hyperparameters: {} ",
        "hyperparameters: {dropout: {low: 0.0, high: 0.5, log: false}} ",
        "sweep.hyperparameters.dropout is {low: 0.0, high: 0.5, log: false}: no such "
        "hyperparameter; remove it, or use momentum or weight_decay",
    ),
    "momentum of one": (
        "hyperparameters: {} ",
        "hyperparameters: {momentum: {low: 0.0, high: 1.0, log: false}} ",
        "sweep.hyperparameters.momentum.high is 1.0: momentum lies below 1; write 0.99",
    ),
    "logarithm of nothing": (
        "hyperparameters: {} ",
        "hyperparameters: {weight_decay: {low: 0.0, high: 0.1, log: true}} ",
        "sweep.hyperparameters.weight_decay.low is 0.0: a logarithm has no 0; make low positive, "
        "or log false",
    ),
    "CMA-ES of one": (
        "sampler: zoom ",
        "sampler: cmaes ",
        "sweep.search.sampler is cmaes: CMA-ES needs two hyperparameters or more, and only the "
        "learning rate is searched; write gp, or list some under sweep.hyperparameters",
    ),
    "more fresh replicates than there are numbers": (
        "limit: 4 ",
        "limit: 4000 ",
        "sweep.search.limit is 4000: its rounds have 3000 fresh replicates, and 997 are left of a "
        "sweep's; make it smaller",
    ),
    "sampler misspelt": (
        "sampler: zoom ",
        "sampler: gpp ",
        "sweep.search.sampler is gpp: it must be zoom, gp, tpe, cmaes, random or none; did you "
        "mean gp?",
    ),
    "less than a round": (
        "limit: 4 ",
        "limit: 1 ",
        "sweep.search.limit is 1: one round proposes 4; make limit at least that",
    ),
    "narrower than a point": (
        "until: 1.5 ",
        "until: 1.0 ",
        "sweep.search.until is 1.0: it must be a finite number above 1; write 1.5",
    ),
    "expansion by nothing": (
        "points: 3 ",
        "points: 0 ",
        "sweep.expand.points is 0: it must be a whole number at least 1; write 3, for example",
    ),
    "goal above 1": (
        "levels: [0.10, 0.07, 0.05]",
        "levels: [0.10, 5]",
        "sweep.goals.levels[1] is 5: an error is a share of examples in (0, 1); write 0.05 for 5 %",
    ),
    "quantity misspelt": (
        "quantity: error ",
        "quantity: los ",
        "sweep.goals.quantity is los: it must be error or loss; did you mean loss?",
    ),
    "race too short": (
        "race: 4.0 ",
        "race: 0.5 ",
        "sweep.race is 0.5: it must be a finite number at least 1 or off; write off, for example",
    ),
    "race null": (
        "race: 4.0 ",
        "race: ",
        "sweep.race is empty: it must be a finite number at least 1 or off; write off, for example",
    ),
    "optimiser unknown": (
        "optimiser: sgd ",
        "optimiser: lion ",
        "training.optimiser is lion: it must be sgd, adam or adamw; write sgd",
    ),
    "nesterov without momentum": (
        "nesterov: false",
        "nesterov: true",
        "training.nesterov is true: momentum is 0 and cannot look ahead; set momentum above 0 or "
        "nesterov to false",
    ),
    "momentum beside adam": (
        "optimiser: sgd             # sgd; adam: weight decay in the gradient; adamw: weight decay "
        "of its own\n  momentum: 0.0 ",
        "optimiser: adam\n  momentum: 0.9 ",
        "training.momentum is 0.9: adam has averages of its own (training.adam) in momentum's "
        "place; write momentum: 0.0, or optimiser: sgd",
    ),
    "a beta of one": (
        "beta2: 0.999 ",
        "beta2: 1.0 ",
        "training.adam.beta2 is 1.0: it must be a finite number at least 0 and below 1; write 0.1",
    ),
    "epsilon zero": (
        "epsilon: 1.0e-8 ",
        "epsilon: 0.0 ",
        "training.adam.epsilon is 0.0: it must be a finite number above 0; write 0.1",
    ),
    "schedule misspelt": (
        "shape: constant ",
        "shape: cosin ",
        "training.schedule.shape is cosin: it must be constant, linear or cosine; did you mean "
        "cosine?",
    ),
    "warm-up in steps": (
        "warmup: 0.0 ",
        "warmup: 100 ",
        "training.schedule.warmup is 100: it must be a finite number at least 0 and below 1; "
        "write 0.1, for example",
    ),
    "yes is text": (
        "mlflow: true ",
        "mlflow: yes ",
        "tracking.mlflow is yes: it must be true or false; write false, for example",
    ),
    "override of a stranger": (
        "overrides: {} ",
        "overrides: {resnet: 8} ",
        "training.kernel.overrides.resnet is 8: models lacks this one; remove it or add it",
    ),
    "override no number": (
        "overrides: {} ",
        "overrides: {mlp: many} ",
        "training.kernel.overrides.mlp is many: it must be a whole number at least 0; "
        "write 64, for example",
    ),
    "a branch for a value": (
        "workers: auto ",
        "workers: {cpu: 2} ",
        "training.workers is {cpu: 2}: it must be a whole number at least 1 or auto; write auto",
    ),
    "reference not swept": (
        "reference_batch_size: middle ",
        "reference_batch_size: 32 ",
        "confirm.reference_batch_size is 32: sweep.batch_sizes lacks it; choose one of 1, 4, 16, "
        "64, 256, full, or write middle",
    ),
    "rules without tuned": (
        "rules: [tuned, constant, linear, sqrt]",
        "rules: [constant]",
        "confirm.rules is [constant]: every rule is compared with tuned, which it lacks; add it",
    ),
    "experiment outside its letters": (
        "experiment: batchscope ",
        "experiment: ../x ",
        "tracking.experiment is ../x: it must be 1 to 100 letters, digits, spaces, dots, dashes or "
        "underscores, a letter or digit first; write batchscope, for example",
    ),
    "a tag": (
        "experiment: batchscope ",
        "experiment: !exp batchscope ",
        "tracking.experiment is !exp batchscope: it must be 1 to 100 letters",
    ),
    "a date": (
        "epochs: 12 ",
        "epochs: 2020-13-45 ",
        "sweep.budget.epochs is 2020-13-45: it must be a finite number above 0 and at most "
        "1000000; write 12",
    ),
    "key misspelt": (
        "momentum: 0.0 ",
        "momentun: 0.0 ",
        "training.momentun is no setting; did you mean momentum?",
    ),
    "key from nowhere": (
        "nesterov: false ",
        "nesterov: false\n  dropout: 0.5 ",
        "training.dropout is no setting; remove it, or use one of optimiser, momentum, nesterov,",
    ),
    "key twice": (
        "nesterov: false ",
        "nesterov: false\n  nesterov: false ",
        "training.nesterov is there already, on line ABOVE; remove one of the two",
    ),
}
