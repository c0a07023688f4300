/**
 * Decisions on their way to the server: one request at a time, in the order they were made, sent again until
 * they are through. The server tells a repeat by its revision, so sending twice does no harm.
 *
 * @typedef {object} Job
 * @property {number[]} ids
 * @property {string} decision
 * @property {string|null} label
 * @property {number} tries
 *
 * @typedef {object} Hooks
 * @property {(job: Job) => Promise<any>} send  rejects with an error whose `again` says whether to try again
 * @property {(job: Job, answer: any) => void} saved
 * @property {(job: Job, error: any) => void} refused   it will not be tried again
 * @property {(error: any, seconds: number) => void} trouble  it is tried again after so many seconds
 * @property {() => void} changed
 */

const WAITS = [0.5, 1, 2, 4, 8, 15];

export class SaveQueue {
  /** @param {Hooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    /** @type {Job[]} the first one is on its way */
    this.jobs = [];
    this.running = false;
    /** @type {(() => void)|null} */
    this.wake = null;
  }

  /** @returns {number} decisions that the server has not confirmed yet */
  get unsaved() {
    return this.jobs.reduce((sum, job) => sum + job.ids.length, 0);
  }

  /**
   * @param {{ids: number[], decision: string, label: string|null}} decision
   * @returns {Job}
   */
  add(decision) {
    const job = { ...decision, tries: 0 };
    this.jobs.push(job);
    this.hooks.changed();
    if (!this.running) void this.#run();
    return job;
  }

  /** Take back a job that was never sent; false where it is too late for that. @param {Job} job */
  cancel(job) {
    const place = this.jobs.indexOf(job);
    if (place < 0 || job.tries > 0) return false;
    this.jobs.splice(place, 1);
    this.hooks.changed();
    return true;
  }

  /**
   * Drop what waits about a candidate: another admin was first, and must be seen before one decides anew.
   * @param {number} id
   */
  forget(id) {
    for (const job of this.jobs) if (!job.tries) job.ids = job.ids.filter((one) => one !== id);
    this.jobs = this.jobs.filter((job) => job.tries || job.ids.length);
    this.hooks.changed();
  }

  /** Whether anything about a candidate waits to be saved. @param {number} id */
  holds(id) {
    return this.jobs.some((job) => job.ids.includes(id));
  }

  /** Try again now rather than later. */
  hurry() {
    this.wake?.();
  }

  async #run() {
    this.running = true;
    while (this.jobs.length) {
      const job = this.jobs[0];
      job.tries += 1;
      let answer;
      try {
        answer = await this.hooks.send(job);
      } catch (error) {
        if (error?.again) await this.#pause(error, job.tries);
        else this.#finish(() => this.hooks.refused(job, error));
        continue;
      }
      this.#finish(() => this.hooks.saved(job, answer));
    }
    this.running = false;
  }

  /** The first job is done with; a fault in what follows must not hold up the others. @param {() => void} told */
  #finish(told) {
    this.jobs.shift();
    try {
      told();
    } catch (fault) {
      console.error(fault);
    }
    this.hooks.changed();
  }

  /** @param {any} error @param {number} tries */
  async #pause(error, tries) {
    const seconds = WAITS[Math.min(tries, WAITS.length) - 1] * (0.8 + 0.4 * Math.random());
    this.hooks.trouble(error, seconds);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      this.wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
    this.wake = null;
  }
}
