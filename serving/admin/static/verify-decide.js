/** Decisions: shown at once, saved in the background, undone step by step, and never on top of another admin's. */
import { number } from "./verify-dom.js";
import { call } from "./verify-net.js";
import { verb } from "./verify-notices.js";
import { SaveQueue } from "./verify-queue.js";
import { fitting, grouped, hasPicture } from "./verify-store.js";

/** @typedef {import("./verify-store.js").Candidate} Candidate */
/** @typedef {{id: number, state: string, corrected: string|null, by: string|null, at: string|null}} Before */
/** @typedef {{jobs: any[], before: Before[]}} Undo  no jobs: decided by a filter */

const MOST_AT_ONCE = 500; // candidates in one request
const MOST_UNDO = 200;
const MOST_KEPT = 20_000; // candidates whose undo outlives the page
const DECIDED = new Set(["accept", "correct", "reject"]);

/** @param {Candidate} one @returns {Before} */
const stateOf = ({ id, state, corrected, by, at }) => ({ id, state, corrected, by, at });

export class Decisions {
  /**
   * @param {string} base address of the family
   * @param {any} data what the page tells the script
   * @param {import("./verify-store.js").Store} store
   * @param {import("./verify-notices.js").Notices} notices
   * @param {import("./verify-notices.js").Progress} progress
   * @param {{refreshed: (id: number) => void, goOn: (place: number) => void, draw: () => void, open: (id: number) => void,
   *   settled: (stale: boolean) => void, thumb: (id: number) => string|null}} hooks
   */
  constructor(base, data, store, notices, progress, hooks) {
    Object.assign(this, { base, data, store, notices, progress, hooks });
    /** @type {Map<number, number>} the revision that was last seen of each candidate */
    this.revisions = new Map();
    /** @type {Undo[]} */
    this.undos = [];
    this.stale = false; // what was undone may not be in the list
    /** @type {number|null} the one that was undone, to be shown when the list is loaded again */
    this.undone = null;
    this.place = `assay.verify.undo.${data.family}.${data.me}`;
    this.queue = new SaveQueue({
      send: (job) => this.#send(job),
      saved: (job, answer) => this.#saved(job, answer),
      refused: (job, error) => this.#refused(job, error),
      changed: () => progress.saving(this.queue.unsaved),
      trouble: (error) => notices.trouble(error, this.queue.unsaved, () => this.queue.hurry()),
    });
  }

  /**
   * Decide about the selection, or about the one in focus.
   * @param {string} decision
   * @param {string|null} [label]
   */
  decide(decision, label = null) {
    const { store, data, notices } = this;
    if (!data.mayDecide) return;
    const asked = store.targets;
    const { fitting: targets, why } = data.photos ? fitting(asked, decision) : { fitting: asked, why: null };
    const shown = asked.length === 1 && !hasPicture(asked[0]); // why is said beside the buttons
    if (why && !shown) notices.put("unfit", "warn", [targets.length ? `${number(asked.length - targets.length)} left as they were. ${why}` : why]);
    else notices.clear("unfit");
    if (!targets.length) {
      notices.say(why ?? "There is nothing to decide.");
      return;
    }
    const before = targets.map(stateOf);
    const jobs = grouped(targets, decision, label).flatMap((group) => this.#put(group));
    this.keep({ jobs, before });
    const last = /** @type {number} */ (store.places.get(targets[targets.length - 1].id));
    store.deselect();
    const about = targets.length > 1 ? `${number(targets.length)} ` : "";
    const what = decision === "correct" || about ? "" : ` ${targets[0].label ?? ""}`;
    notices.say(`${about}${verb(decision, label)}${what}, ${this.progress.told}`);
    this.hooks.goOn(last);
  }

  /** @param {{ids: number[], decision: string, label: string|null}} group @returns {any[]} jobs */
  #put({ ids, decision, label }) {
    const taken = decision === "withdraw";
    const now = { state: taken ? "waiting" : decision, corrected: label, by: taken ? null : this.data.me, at: new Date().toISOString() };
    for (const id of ids) this.change(id, now);
    const jobs = [];
    for (let start = 0; start < ids.length; start += MOST_AT_ONCE) {
      jobs.push(this.queue.add({ ids: ids.slice(start, start + MOST_AT_ONCE), decision, label }));
    }
    return jobs;
  }

  /** Give a candidate another state, and count it. @param {number} id @param {Partial<Candidate>} now */
  change(id, now) {
    const one = this.store.get(id);
    if (!one) return;
    const counted = () => [this.#isLeft(one), DECIDED.has(one.state) && one.by === this.data.me].map(Number);
    const [left, mine] = counted();
    const was = one.state;
    Object.assign(one, now);
    this.progress.moved(was, one.state);
    const [leftNow, mineNow] = counted();
    this.progress.count(leftNow - left, mineNow - mine);
    this.hooks.refreshed(id);
  }

  /** Whether a candidate is among those that are left. @param {Candidate} one */
  #isLeft(one) {
    return one.state === (this.data.state === "any" ? "waiting" : this.data.state);
  }

  /** @param {Undo} entry */
  keep(entry) {
    this.undos.push(entry);
    if (this.undos.length > MOST_UNDO) this.undos.shift();
  }

  /** Keep what can be undone for this tab's next page of the family. */
  remember() {
    const kept = [];
    let left = MOST_KEPT;
    for (const { before } of [...this.undos].reverse()) {
      if ((left -= before.length) < 0) break;
      kept.unshift(before.map((was) => ({ ...was, revision: this.revisions.get(was.id) ?? 0 })));
    }
    try {
      sessionStorage.setItem(this.place, JSON.stringify(kept));
    } catch {
      sessionStorage.removeItem(this.place); // no room: the next page begins without
    }
  }

  /** What the page before could have undone. Revisions make sure that nobody else's decision is taken back. */
  recall() {
    const kept = JSON.parse(sessionStorage.getItem(this.place) ?? "[]");
    for (const entry of kept) for (const { id, revision } of entry) if (!this.revisions.has(id)) this.revisions.set(id, revision);
    this.undos = kept.map((/** @type {any[]} */ entry) => ({ jobs: [], before: entry.map(({ revision, ...was }) => was) }));
  }

  /** Take back the last decision: unsent, it never was; sent, it is withdrawn. */
  undo() {
    const { store, notices } = this;
    const entry = this.undos.pop();
    if (!entry) {
      notices.say("There is nothing to undo.");
      return;
    }
    const unsent = new Set(entry.jobs.filter((job) => this.queue.cancel(job)).flatMap((job) => job.ids));
    for (const group of goBack(entry.before.filter((was) => !unsent.has(was.id)))) this.#put(group);
    for (const { id, ...was } of entry.before) this.change(id, was);
    this.stale ||= !entry.jobs.length;
    this.undone = entry.before[0]?.id ?? null;
    store.deselect();
    notices.clear("last");
    const place = store.places.get(entry.before[0]?.id);
    if (place !== undefined) store.moveTo(place);
    const about = entry.before.length > 1 ? ` for ${number(entry.before.length)}` : "";
    notices.say(`Undone${about}, ${this.progress.told}`);
    this.hooks.draw();
  }

  /** @param {any} job */
  #send(job) {
    const candidates = job.ids.map((/** @type {number} */ id) => [id, this.revisions.get(id) ?? 0]);
    return call(`${this.base}/decisions`, { decision: job.decision, label: job.label, candidates });
  }

  /** @param {any} job @param {{outcomes: {id: number, decided: boolean, candidate: Candidate|null}[]}} answer */
  #saved(job, answer) {
    const { store, notices, hooks } = this;
    notices.clear("net");
    const conflicts = [];
    const gone = new Set(job.ids);
    for (const { id, decided, candidate } of answer.outcomes) {
      if (!candidate) continue;
      gone.delete(id);
      this.revisions.set(id, candidate.revision);
      if (!decided) {
        this.queue.forget(id);
        this.#forget((was) => was.id === id);
        const mine = verb(job.decision === "withdraw" ? "waiting" : job.decision, job.label);
        conflicts.push({ candidate, mine, thumb: hooks.thumb(id) });
      }
      if (!this.queue.holds(id)) this.change(id, candidate);
    }
    if (gone.size) notices.put("gone", "info", [`${number(gone.size)} of these are no longer there: their data was removed.`]);
    if (conflicts.length) notices.conflicts(conflicts, hooks.open);
    if (conflicts.length || (store.current && job.ids.includes(store.current.id))) hooks.draw();
    const stale = this.stale && !this.queue.unsaved;
    if (stale) this.stale = false;
    hooks.settled(stale);
  }

  /** The server will not have it: as it was before. @param {any} job @param {any} error */
  #refused(job, error) {
    for (const entry of this.undos) {
      if (!entry.jobs.includes(job)) continue;
      for (const { id, ...was } of entry.before) if (job.ids.includes(id)) this.change(id, was);
      entry.before = entry.before.filter((was) => !job.ids.includes(was.id));
    }
    this.#forget(() => false);
    const what = `${number(job.ids.length)} ${job.ids.length === 1 ? "decision was" : "decisions were"} not taken: ${error.message}`;
    this.notices.put("refused", "bad", [what]);
    this.notices.say(what);
    this.hooks.draw();
  }

  /** Drop what fits from what can be undone. @param {(was: Before) => boolean} fits */
  #forget(fits) {
    for (const entry of this.undos) entry.before = entry.before.filter((was) => !fits(was));
    this.undos = this.undos.filter((entry) => entry.before.length);
  }
}

/**
 * The decisions that bring candidates back to how they were.
 * @param {Before[]} before
 * @returns {{ids: number[], decision: string, label: string|null}[]}
 */
function goBack(before) {
  const groups = new Map();
  for (const was of before) {
    const decision = was.state === "waiting" || was.state === "aside" ? "withdraw" : was.state;
    const key = JSON.stringify([decision, was.corrected]);
    if (!groups.has(key)) groups.set(key, { ids: [], decision, label: was.corrected });
    groups.get(key).ids.push(was.id);
  }
  return [...groups.values()];
}
