/**
 * The candidates that are loaded, which one is in focus, and which are selected. No page, no network.
 *
 * @typedef {object} Candidate
 * @property {number} id
 * @property {number} revision  grows with each decision; a decision names the one that it was made on
 * @property {string} state     waiting, aside, accept, correct, reject or skip
 * @property {string} name
 * @property {string} day
 * @property {string|null} user
 * @property {string|null} label      what was predicted
 * @property {string|null} corrected  the label that an admin gave
 * @property {number|null} confidence
 * @property {string|null} flag       why it was set aside, or needs an admin
 * @property {string|null} kind       the flag without its figures
 * @property {string|null} by         who decided
 * @property {string|null} at         when
 * @property {string|null} version
 * @property {boolean} [photo]
 * @property {number[]|null} [size]   width and height of a photo
 * @property {number[]|null} [face]   x, y, width, height in the photo's pixels
 * @property {number|null} [faces]
 * @property {number|null} [sharpness]
 * @property {number|null} [brightness]
 * @property {[string, number][]} [others]  other likely classes
 * @property {[string, any][]} [values]     of a row, in the family's order
 * @property {Object<string, any>} [more]
 * @property {number|null} [twin]     the photo that this one repeats
 */

const OPEN = new Set(["waiting", "aside", "skip"]);

export class Store {
  /** @param {string} state the state that the list is filtered by, or "any" */
  constructor(state) {
    this.state = state;
    /** @type {Candidate[]} */
    this.items = [];
    /** @type {Map<number, number>} id -> place in `items` */
    this.places = new Map();
    this.focus = -1;
    /** @type {Set<number>} ids */
    this.selection = new Set();
    /** @type {number|null} where a range begins */
    this.anchor = null;
    /** @type {Set<number>} what was selected before the range began */
    this.before = new Set();
    /** Whether each move extends the range, also without Shift. */
    this.sticky = false;
  }

  /** Forget all that is loaded. */
  clear() {
    this.items = [];
    this.places.clear();
    this.focus = -1;
    this.deselect();
  }

  /**
   * Put more candidates at the end; those that are there already stay where they are.
   * @param {Candidate[]} candidates
   */
  append(candidates) {
    for (const one of candidates) {
      if (this.places.has(one.id)) continue;
      this.places.set(one.id, this.items.length);
      this.items.push(one);
    }
    if (this.focus < 0 && this.items.length) this.focus = Math.max(0, this.nextOpen(-1));
  }

  /** @param {number} id @returns {Candidate|undefined} */
  get(id) {
    const place = this.places.get(id);
    return place === undefined ? undefined : this.items[place];
  }

  /** @returns {Candidate|undefined} the candidate in focus */
  get current() {
    return this.items[this.focus];
  }

  /** @returns {Candidate[]} what a decision is about: the selection, or else the one in focus */
  get targets() {
    if (this.selection.size) return this.items.filter((one) => this.selection.has(one.id));
    return this.current ? [this.current] : [];
  }

  /** Whether a candidate still waits under this list's filter. @param {Candidate} one */
  isOpen(one) {
    return this.state === "any" ? OPEN.has(one.state) : one.state === this.state;
  }

  /** The place of the next open candidate after `place`, then from the start; -1: there is none. @param {number} place */
  nextOpen(place) {
    const count = this.items.length;
    for (let next = place + 1; next < count; next++) if (this.isOpen(this.items[next])) return next;
    for (let next = 0; next < Math.min(place, count); next++) if (this.isOpen(this.items[next])) return next;
    return -1;
  }

  /**
   * Move the focus to a place (kept inside the list).
   * @param {number} place
   * @param {boolean} [extend] take what lies between into the selection
   */
  moveTo(place, extend = false) {
    const last = this.items.length - 1;
    if (last < 0) return;
    const from = this.focus;
    this.focus = Math.min(last, Math.max(0, place));
    if (extend && this.anchor === null) this.beginRange(Math.max(0, from));
    if (this.anchor !== null) this.#selectRange();
  }

  /** Begin a range at a place. @param {number} place @param {boolean} [sticky] */
  beginRange(place, sticky = false) {
    if (!this.items.length) return;
    this.anchor = place;
    this.sticky = sticky;
    this.before = new Set(this.selection);
    this.#selectRange();
  }

  /** What is selected stays so; moves no longer extend it. */
  endRange() {
    this.anchor = null;
    this.sticky = false;
  }

  #selectRange() {
    const [low, high] = [Math.min(this.anchor ?? 0, this.focus), Math.max(this.anchor ?? 0, this.focus)];
    this.selection = new Set(this.before);
    for (let place = low; place <= high; place++) this.selection.add(this.items[place].id);
  }

  /** Take one into the selection, or out of it. @param {number} place */
  toggle(place) {
    const one = this.items[place];
    if (!one) return;
    if (!this.selection.delete(one.id)) this.selection.add(one.id);
    this.focus = place;
    this.endRange();
  }

  deselect() {
    this.selection = new Set();
    this.before = new Set();
    this.endRange();
  }
}

/** Why a picture that cannot be opened is neither confirmed nor corrected. */
export const NO_PICTURE = "There is no picture that can be opened: reject it, or skip it.";

/** Whether a picture could be opened when it was collected: one that could has a size. @param {Candidate} one */
export const hasPicture = (one) => Boolean(one.size);

/**
 * Those of several photos that can be decided so, and why others cannot, if there are any.
 * @param {Candidate[]} targets
 * @param {string} decision
 * @returns {{fitting: Candidate[], why: string|null}}
 */
export function fitting(targets, decision) {
  if (decision !== "accept" && decision !== "correct") return { fitting: targets, why: null };
  const opened = targets.filter(hasPicture);
  const named = decision === "accept" ? opened.filter((one) => one.label !== null) : opened;
  const why = opened.length < targets.length ? NO_PICTURE : named.length < opened.length ? "There is no class to confirm. Choose one." : null;
  return { fitting: named, why };
}

/**
 * The decisions that a keystroke means for several candidates: a class that was predicted already is a
 * confirmation, not a correction.
 * @param {Candidate[]} targets
 * @param {string} decision
 * @param {string|null} label
 * @returns {{ids: number[], decision: string, label: string|null}[]}
 */
export function grouped(targets, decision, label) {
  if (decision !== "correct") return [{ ids: targets.map((one) => one.id), decision, label: null }];
  const same = targets.filter((one) => one.label === label);
  const other = targets.filter((one) => one.label !== label);
  return [
    { ids: other.map((one) => one.id), decision: "correct", label },
    { ids: same.map((one) => one.id), decision: "accept", label: null },
  ].filter((group) => group.ids.length);
}
