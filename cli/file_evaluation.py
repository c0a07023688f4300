"""Fit and measure a family on plain files: what `assay evaluate` does, without its printing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from models.comparison import Comparison
    from models.family import Evaluation, Family

#: Rows with a known outcome that make figures worth reading. With fewer, and no horizon asked for, a shorter
#: one is taken that gives as many.
ENOUGH = {"train": 500, "test": 100}


@dataclass(frozen=True)
class FileRows:
    """A file's clean rows, and what became of the others."""

    path: Path
    table: pa.Table
    read: int
    rejected: dict[str, int]


@dataclass(frozen=True)
class FileEvaluation:
    """A family measured on plain files."""

    family: str
    options: Any
    files: dict[str, FileRows]
    examples: dict[str, int]
    evaluation: Evaluation
    comparisons: dict[str, Comparison]
    notes: list[str] = field(default_factory=list)
    loss: str = "log loss"


def evaluate_files(
    family: Family,
    files: Mapping[str, Path],
    mapping: Mapping[str, str],
    options: Any,
    *,
    fixed: bool,
    seed: int,
    names: Sequence[str] | None = None,
) -> FileEvaluation:
    """Fit ``family`` on the training file and measure it on the test file.

    Args:
        family: the family.
        files: file by role: ``train``, ``test``, and maybe ``valid``.
        mapping: canonical name -> column, for the files that have that column.
        options: the family's options.
        fixed: keep to the options; otherwise options that ask less of the data (``options.relaxed()``, where
            the family has it) may stand in when there are not enough examples.
        seed: of the fit and of the resampling.
        names: of the columns, for CSV files that begin without them (default: those of the other files).

    Raises:
        InputError: a file cannot be read, lacks columns, or leaves no examples.
        TrainingError: too few examples to fit.
    """
    names = names or _names_of(files.values())
    rows = {role: _read(family, path, mapping, files, options, names) for role, path in files.items()}
    tables = {role: found.table for role, found in rows.items()}
    options = _with_their_classes(options, files, tables)
    chosen, examples = _with_enough(family, tables, options, fixed=fixed)
    notes = _notes(family, options, chosen, examples)
    if family.heavy and "valid" not in files:
        notes.append(f"{examples['valid'].num_rows:,} of the training examples calibrate the model.")
    for role in ("train", "test"):
        if examples[role].num_rows == 0:
            raise _no_examples(rows[role], role, chosen)
    return _measured(family, rows, examples, chosen, notes, seed)


def evaluate_table(
    family: Family,
    path: Path,
    by: str,
    mapping: Mapping[str, str],
    options: Any,
    *,
    seed: int,
    names: Sequence[str] | None = None,
) -> FileEvaluation:
    """Cut one file in two, fit ``family`` on the one part and measure it on the other.

    Args:
        family: the family, which knows how its rows are cut.
        path: the file.
        by: ``group`` (whole groups, by a hash) or ``time`` (the latest rows measure).
        mapping: canonical name -> column.
        options: the family's options.
        seed: of the fit and of the resampling.
        names: of the columns, for a CSV file that begins without them.

    Raises:
        InputError: the family cuts no tables, the file cannot be read, or there is nothing to cut by.
        TrainingError: too few examples to fit.
    """
    if family.cut_rows is None:
        raise InputError(
            f"The family '{family.name}' does not cut a table.", hint="Give --train and --test files."
        )
    found = read_rows(family, path, mapping, names)
    if not found.table.num_rows:
        raise InputError(f"{path.name} has no good row.", hint=f"Rejected: {dict(found.rejected)}.")
    examples = family.examples_from_rows(family.cut_rows(found.table, by), options)
    parts = ", ".join(f"{role} {table.num_rows:,}" for role, table in examples.items())
    notes = [f"{path.name} was cut by {by}: {parts}.", *_notes(family, options, options, examples)]
    return _measured(family, {"table": found}, examples, options, notes, seed)


def _measured(
    family: Family,
    rows: dict[str, FileRows],
    examples: Mapping[str, pa.Table],
    chosen: Any,
    notes: list[str],
    seed: int,
) -> FileEvaluation:
    from models.comparison import compare_losses

    predictor = family.fit(examples["train"], examples["valid"], chosen, {}, seed)
    evaluation = family.evaluate(predictor, examples["test"], chosen, seed)
    comparisons = {
        name: compare_losses(losses, evaluation.losses, evaluation.groups, seed=seed)
        for name, losses in evaluation.baseline_losses.items()
    }
    notes = [*notes, *getattr(predictor, "notes", ())]
    counts = {role: table.num_rows for role, table in examples.items()}
    return FileEvaluation(family.name, chosen, rows, counts, evaluation, comparisons, notes, family.loss)


def _read(
    family: Family,
    path: Path,
    mapping: Mapping[str, str],
    files: Mapping[str, Path],
    options: Any,
    names: Sequence[str] | None,
) -> FileRows:
    if path.is_dir():
        return read_folder_rows(family, path, options)
    return read_rows(family, path, _mapping_of(path, mapping, files, names), names)


def _names_of(paths: Iterable[Path]) -> list[str] | None:
    """The columns of the first file that begins with their names."""
    from tasks.plain_files import read_chunks

    for path in paths:
        with suppress(InputError):
            if not path.is_dir():
                return list(next(read_chunks(path, 1)).table.column_names)
    return None


def read_folder_rows(family: Family, path: Path, options: Any) -> FileRows:
    """The pictures below class-named folders; those that cannot be read are counted by reason.

    Raises:
        InputError: the family has no pictures, or the folder has none.
    """
    import pyarrow as pa

    from tasks.image_folders import read_folder

    if not family.heavy:
        raise InputError(f"{path} is a folder, and '{family.name}' learns from tables.", hint="Name a file.")
    good: dict[str, list[Any]] = {name: [] for name in ("photo", "image", "label", "person")}
    reasons: Counter[str] = Counter()
    for found in read_folder(path, options.limits):
        if found.problem is not None:
            reasons[found.problem] += 1
            continue
        values = (found.name, found.data, found.label, found.person)
        for column, value in zip(good.values(), values, strict=True):
            column.append(value)
    kinds = {"photo": pa.string(), "image": pa.binary(), "label": pa.string(), "person": pa.string()}
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in good.items()})
    return FileRows(path, table, table.num_rows + reasons.total(), dict(reasons.most_common()))


def _with_their_classes(options: Any, files: Mapping[str, Path], tables: Mapping[str, pa.Table]) -> Any:
    """For folders, whose names are the classes: those that occur."""
    if not any(path.is_dir() for path in files.values()):
        return options
    labels = {label for table in tables.values() for label in table["label"].unique().to_pylist()}
    return options.with_classes(tuple(sorted(labels)))


def read_rows(
    family: Family, path: Path, mapping: Mapping[str, str], names: Sequence[str] | None = None
) -> FileRows:
    """All rows of a file, cleaned; rejected ones are counted by reason."""
    import pyarrow as pa

    from tasks.plain_files import read_chunks

    chunks = list(read_chunks(path, names=names))
    raw = pa.concat_tables([chunk.table for chunk in chunks])
    try:
        table, rejected = family.clean(raw, mapping or None, None)
    except InputError as error:
        raise InputError(f"{path.name}: {error.message}", hint=error.hint) from None
    reasons = Counter(each.reason for each in rejected)
    reasons.update(each.reason for chunk in chunks for each in chunk.broken)
    return FileRows(path, table, sum(chunk.rows for chunk in chunks), dict(reasons.most_common()))


def _mapping_of(
    path: Path, mapping: Mapping[str, str], files: Mapping[str, Path], given: Sequence[str] | None
) -> dict[str, str]:
    """The pairs whose column this file has; files may differ in shape, but one of them must have it."""
    from tasks.plain_files import read_chunks

    if not mapping:
        return {}
    plain = [each for each in files.values() if not each.is_dir()]
    names = {each: set(next(read_chunks(each, 1, given)).table.column_names) for each in plain}
    for name, column in mapping.items():
        if not any(column in columns for columns in names.values()):
            raise InputError(f"No file has the column '{column}' that {name} is mapped to.")
    return {name: column for name, column in mapping.items() if column in names[path]}


def _with_enough(
    family: Family, tables: Mapping[str, pa.Table], options: Any, *, fixed: bool
) -> tuple[Any, dict[str, pa.Table]]:
    """The options that are used, and their examples: the first that give enough, else those that give most."""
    relaxed: tuple[Any, ...] = () if fixed else tuple(getattr(options, "relaxed", tuple)())
    best: tuple[float, Any, dict[str, pa.Table]] | None = None
    for candidate in (options, *relaxed):
        examples = family.examples_from_rows(tables, candidate)
        share = min(examples[role].num_rows / wanted for role, wanted in ENOUGH.items())
        if best is None or share > best[0]:
            best = (share, candidate, examples)
        if share >= 1.0:
            break
    assert best is not None  # noqa: S101 - the options themselves are the first candidate
    return best[1], best[2]


def _notes(family: Family, asked: Any, used: Any, examples: Mapping[str, pa.Table]) -> list[str]:
    notes = []
    if hasattr(used, "horizon_days") and used != asked:
        notes.append(
            f"The files hold too few outcomes {asked.horizon_days:g} days after a snapshot; these figures are "
            f"for {used.horizon_days:g} days. --horizon-days sets it."
        )
    if family.returning:
        return notes
    shared = set(examples["train"][family.entity].unique().to_pylist())
    both = len(shared & set(examples["test"][family.entity].unique().to_pylist()))
    if both:
        notes.append(f"{both:,} of the test rows' {family.entity} values occur in training too.")
    return notes


def _no_examples(rows: FileRows, role: str, options: Any) -> InputError:
    days = getattr(options, "horizon_days", None)
    later = f" {days:g} days later" if days is not None else ""
    if days is None:
        return InputError(
            f"{rows.path.name} gives no {role} example, of its {rows.table.num_rows:,} good rows.",
            hint="What stands in two files belongs to the later role: give files that do not overlap.",
        )
    return InputError(
        f"{rows.path.name} gives no {role} example: of its {rows.table.num_rows:,} good rows none has a known "
        f"outcome{later}.",
        hint="Each needs a later row of the same one, and a row that stands in two files belongs to the later "
        "role: try a shorter --horizon-days, files that do not overlap, or more days.",
    )
