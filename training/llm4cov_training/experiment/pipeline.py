"""The experiment, straight through: corpus, teacher, stages and comparisons, each measured on designs that nothing learned from.

Every step is passed over where it was finished with the same inputs, so the run is stopped and gone on with as one likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from threading import Event

from llm4cov_agent.digest import Json, digest_json
from llm4cov_agent.errors import BadConfiguration
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.loop.policies.model_file import default_model
from llm4cov_agent.loop.policy import PromptOptions, ReplyFormat
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.state import DesignText, Instruction, State
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.corpus.designs import Corpus, held_out_texts, read_corpus, text_in, write_corpus
from llm4cov_training.corpus.grow import grow
from llm4cov_training.corpus.split import HeldOut, Side, fixture_texts
from llm4cov_training.curation.curate import CurationPlan, curate
from llm4cov_training.curation.mixing import mixed
from llm4cov_training.curation.sampling import Sampling
from llm4cov_training.examples import Example, read_examples, write_examples
from llm4cov_training.experiment.fresh import write_fresh_base
from llm4cov_training.experiment.measure import Contestant, Judged, measured
from llm4cov_training.experiment.scale import Ablation, Scale
from llm4cov_training.experiment.steps import Outcome, Steps, Stopped
from llm4cov_training.experiment.students import Student, check_recipes, taught
from llm4cov_training.learn.evaluate import DesignScore, EvaluationPlan
from llm4cov_training.learn.recipe import Recipe
from llm4cov_training.synthesis.items import Kind, Speaker, items_for
from llm4cov_training.synthesis.journal import Journal
from llm4cov_training.synthesis.roll import elaborated
from llm4cov_training.synthesis.synthesize import synthesize
from llm4cov_training.work import Workers

_WORDS_FROM = 300
"""Training designs whose prompts the words of a fresh base are fitted to."""
_FORMATS_APART = 200
"""Tokens between what a prompt and a reply take and the context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an experiment came to."""

    scores: dict[str, tuple[DesignScore, ...]]
    """Of each contestant in the stimulus format, on the same held-out designs."""
    full: dict[str, tuple[DesignScore, ...]]
    """Of each stage in the full format."""
    records: dict[str, Outcome]
    """What each step of making or learning came to."""


class Experiment:
    """One run of it, in a folder."""

    def __init__(self, scale: Scale, folder: Path, workers: Workers, *, tell: Callable[[str], None], cancel: Event) -> None:
        """Nothing is done yet. `tell` takes a line for people."""
        self._scale, self._workers, self._tell, self._cancel = scale, workers, tell, cancel
        self.steps = Steps(folder, tell)
        self.base: Student | None = None
        """What stage 0 began as, once it is known."""
        self._records: dict[str, Outcome] = {}
        self._scores: dict[str, tuple[DesignScore, ...]] = {}
        self._full: dict[str, tuple[DesignScore, ...]] = {}

    @property
    def findings(self) -> Findings:
        """What is known so far."""
        return Findings(scores=dict(self._scores), full=dict(self._full), records=dict(self._records))

    def run(self) -> Findings:
        """Do all of it. Raises Stopped where it was asked to stop."""
        scale, student_scale = self._scale, self._scale.student
        check_recipes(scale.first, scale.later)
        corpus = self._corpus()
        held_out = self._held_out(corpus)
        self.base = base = self._base(corpus)
        self._measure_alone(held_out)
        self._measure(base, held_out)

        shown = self._rolled_out("teacher", corpus, Kind.TEACHER, None)
        direct = [one for one in self._curated("examples0", shown, CurationPlan(most_full_tokens=self._full_tokens)) if one.stage == 0]
        stages = [self._taught("stage0", base, direct, scale.first, held_out)]
        by_stage: list[Sequence[Example]] = [direct]
        stores: list[Path] = []
        for number in range(1, 1 + student_scale.stages):
            stores.append(self._rolled_out(f"student{number}", corpus, Kind.STUDENT, stages[-1]))
            new = self._repairs(f"examples{number}", stores[-1], CurationPlan(stage=number))
            rows = mixed(new, by_stage, share=scale.earlier_share, seed=scale.seed)
            stages.append(self._taught(f"stage{number}", stages[-1], rows, scale.later, held_out))
            by_stage.append(new)

        for ablation in scale.ablations if student_scale.stages else ():
            name = f"ablation_{ablation.value}"
            if ablation is Ablation.AT_ONCE:
                everything = [one for group in by_stage for one in group]
                self._taught(name, base, everything, self._as_long(direct, by_stage), held_out)
                continue
            plans = {
                Ablation.RANDOM: CurationPlan(sampling=Sampling.RANDOM),
                Ablation.BEST: CurationPlan(sampling=Sampling.BEST),
                Ablation.UNCURATED: CurationPlan(by_execution=False),
            }
            new = self._repairs(f"examples1_{ablation.value}", stores[0], plans[ablation])
            # As many as stage 1 had, so that only their choice differs.
            new = tuple(Random(scale.seed).sample(new, min(len(new), len(by_stage[1]))))
            rows = mixed(new, by_stage[:1], share=scale.earlier_share, seed=scale.seed)
            self._taught(name, stages[0], rows, scale.later, held_out)
        return self.findings

    @property
    def _full_tokens(self) -> int:
        return self._scale.evaluation.full_tokens if self._scale.shows_full else 0

    def _corpus(self) -> tuple[Path, Corpus]:
        scale = self._scale.corpus

        def make(folder: Path) -> Outcome:
            made, texts = grow(scale.designs, scale.seed, self._workers, cancel=self._cancel)
            if self._cancel.is_set():
                raise Stopped
            write_corpus(folder, made, texts.items())
            sides = {side.value: sum(one.side is side for one in made.designs) for side in Side}
            return {"digest": made.digest, "designs": len(made.designs), **sides}

        self._records["corpus"] = self.steps.do("corpus", [scale.designs, scale.seed, _sources_digest()], make)
        folder = self.steps.folder / "corpus"
        return folder, read_corpus(folder)

    def _base(self, corpus: tuple[Path, Corpus]) -> Student:
        shape = self._scale.fresh
        if shape is None:
            path = Path(self._scale.first.base).expanduser() if self._scale.first.base else default_model()
            if not path.is_file():
                raise BadConfiguration(f"There is no base model at {path}; it should be a GGUF file.")
            return Student(name="base", model=path)
        lesson = self._scale.teacher.lesson

        def make(folder: Path) -> Outcome:
            def prompts() -> Iterator[str]:
                for _, design in self._read(corpus, Side.TRAIN, _WORDS_FROM):
                    for message in render_prompt(State(design), Instruction.GENERATE, lesson.options):
                        yield message.content

            write_fresh_base(folder / "base.gguf", shape, prompts(), seed=self._scale.seed)
            return {"parameters": shape.parameters, "bytes": (folder / "base.gguf").stat().st_size}

        inputs: list[Json] = [repr(shape), corpus[1].digest, repr(lesson.options), self._scale.seed]
        self._records["base"] = self.steps.do("base", inputs, make)
        return Student(name="base", model=self.steps.folder / "base" / "base.gguf")

    def _read(self, corpus: tuple[Path, Corpus], side: Side, count: int) -> Iterator[tuple[Judged, DesignText]]:
        """Elaborate the first designs of a side."""
        folder, listed = corpus
        for one in islice((one for one in listed.designs if one.side is side), count):
            text = text_in(folder, one)
            with elaborated(text, one.top) as (design, _):
                if design is not None:
                    yield Judged(name=one.name, top=one.top, text=text, digest=design.design.digest), design

    def _held_out(self, corpus: tuple[Path, Corpus]) -> tuple[Judged, ...]:
        wanted = self._scale.evaluation.designs
        found = tuple(one for one, _ in self._read(corpus, Side.HELD_OUT, wanted))
        if len(found) < wanted:
            raise BadConfiguration(f"The corpus holds {len(found)} designs out, and {wanted} are to be judged on. Let it have more.")
        return found

    def _rolled_out(self, name: str, corpus: tuple[Path, Corpus], kind: Kind, student: Student | None) -> Path:
        """Roll a policy out over training designs; gives the store."""
        scale, folder = self._scale, corpus[0]
        asked = scale.teacher if student is None else scale.student
        speaker = None
        if student is not None:
            settings = ModelSettings(max_tokens=scale.student.max_tokens, temperature=scale.student.temperature)
            backend = student.backend(context_tokens=self._context, gpu_layers=scale.gpu_layers)
            speaker = Speaker(backend=backend, settings=settings, rounds=scale.student.rounds)
        listed = [one for one in corpus[1].designs if one.side is Side.TRAIN][: asked.designs]
        designs = [(one.name, one.top, text_in(folder, one)) for one in listed]
        items = list(items_for(designs, [kind], samples=asked.samples, seed=scale.seed, lesson=asked.lesson, speaker=speaker))

        def make(place: Path) -> Outcome:
            with Journal(place / "items.jsonl") as journal, open_store(place / "trajectories.db") as store:
                done = synthesize(items, store, journal, self._workers, told=self._told(name, len(items)), cancel=self._cancel)
                transitions = sum(len(one.rounds) for one in store.trajectories())
            if self._cancel.is_set():
                raise Stopped
            return {"items": done.items, "failed": done.failed, "transitions": transitions, "seconds": round(done.seconds, 1)}

        made_of: list[Json] = [one.digest for one in items]
        by = student.digest if student is not None else "closure"
        self._records[name] = self.steps.do(name, [by, digest_json(made_of)], make)
        return self.steps.folder / name / "trajectories.db"

    def _curated(self, name: str, store: Path, plan: CurationPlan) -> tuple[Example, ...]:
        scale = self._scale
        plan = replace(plan, seed=scale.seed, prompt_tokens=scale.teacher.lesson.prompt_tokens)

        def make(folder: Path) -> Outcome:
            held_out = HeldOut((*fixture_texts(), *held_out_texts(self.steps.folder / "corpus")))
            with open_store(store, writable=False) as opened:
                made = curate(opened, held_out, plan, told=None)
            write_examples(made.examples, folder / "examples.jsonl")
            return made.manifest(plan, held_out)

        self._records[name] = self.steps.do(name, [self._records[store.parent.name], store.parent.name, repr(plan)], make)
        rows, problems = read_examples(self.steps.folder / name / "examples.jsonl")
        if problems:
            raise BadConfiguration(str(problems[0]))
        return rows

    def _repairs(self, name: str, store: Path, plan: CurationPlan) -> tuple[Example, ...]:
        """What a further stage learns: repairs. Direct replies of the student itself teach it nothing new."""
        return tuple(one for one in self._curated(name, store, plan) if one.stage > 0)

    def _as_long(self, direct: Sequence[Example], by_stage: Sequence[Sequence[Example]]) -> Recipe:
        """A recipe that looks at as many examples at once as the stages did one after the other."""
        scale = self._scale
        looks = len(direct) * scale.first.epochs
        looks += sum(round(len(one) * (1 + scale.earlier_share)) for one in by_stage[1:]) * scale.later.epochs
        return replace(scale.first, epochs=max(1, round(looks / sum(len(one) for one in by_stage))))

    def _taught(self, name: str, student: Student, rows: Sequence[Example], recipe: Recipe, held_out: Sequence[Judged]) -> Student:
        """Teach, and measure what came of it."""
        clash = {one.design for one in rows} & {one.digest for one in held_out}
        if clash:
            raise ValueError(f"{len(clash)} designs are both learned from and held out")
        if not rows:
            raise BadConfiguration(f"There is nothing to learn in {name}: no transition was worth it. Let more designs be rolled out.")
        learned, self._records[name] = taught(self.steps, name, student, rows, recipe, cancel=self._cancel)
        self._measure(learned, held_out)
        return learned

    def _measure(self, student: Student, held_out: Sequence[Judged]) -> None:
        scale = self._scale.evaluation
        backend = student.backend(context_tokens=self._context, gpu_layers=self._scale.gpu_layers)
        contestant = Contestant(name=student.name, digest=student.digest, plan=self._plan(ReplyFormat.STIMULUS), backend=backend)
        self._scores[student.name] = self._measured(contestant, held_out)
        if scale.full_designs and not student.name.startswith("ablation"):
            contestant = replace(contestant, name=f"{student.name}_full", plan=self._plan(ReplyFormat.FULL))
            self._full[student.name] = self._measured(contestant, held_out[: scale.full_designs])

    def _measure_alone(self, held_out: Sequence[Judged]) -> None:
        """Measure what there is without any model."""
        plan = replace(self._plan(ReplyFormat.STIMULUS), samples=1, rounds=0)
        for name, closure_s in (("random", 0.0), ("closure", self._scale.evaluation.closure_s)):
            self._scores[name] = self._measured(Contestant(name=name, digest=name, plan=plan, closure_s=closure_s), held_out)

    def _measured(self, contestant: Contestant, designs: Sequence[Judged]) -> tuple[DesignScore, ...]:
        return measured(self.steps, contestant, designs, self._workers, tell=self._tell, cancel=self._cancel)

    def _plan(self, reply_format: ReplyFormat) -> EvaluationPlan:
        scale, student = self._scale.evaluation, self._scale.student
        is_full = reply_format is ReplyFormat.FULL
        options = PromptOptions(format=reply_format, budget_tokens=student.lesson.prompt_tokens)
        tokens = scale.full_tokens if is_full else student.max_tokens
        return EvaluationPlan(
            samples=scale.full_samples if is_full else scale.samples,
            rounds=0 if is_full else scale.rounds,
            pass_percent=scale.pass_percent,
            seed=self._scale.seed,
            model=ModelSettings(options=options, max_tokens=tokens, temperature=student.temperature),
        )

    @property
    def _context(self) -> int:
        scale = self._scale
        replies = max(scale.student.max_tokens, scale.evaluation.full_tokens if scale.evaluation.full_designs else 0)
        return 2 * scale.student.lesson.prompt_tokens + replies + _FORMATS_APART

    def _told(self, name: str, of: int) -> Callable[[int], None]:
        def told(done: int) -> None:
            if done == of or done % max(1, of // 10) == 0:
                self._tell(f"  {name}: {done} of {of}")

        return told


def _sources_digest() -> str:
    """Of what generates designs: another version of it makes other ones."""
    folder = Path(__file__).resolve().parent.parent / "corpus"
    return digest_json(_texts(sorted(folder.rglob("*.py"))))


def _texts(paths: Iterable[Path]) -> list[Json]:
    return [path.read_text("utf-8") for path in paths]
