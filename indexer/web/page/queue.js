// What waits to be reviewed, pair by pair: fetched a page at a time, so that its length does not matter.

import { get } from "/page/api.js";

const PAGE = 40;
const AHEAD = 6; // pairs before the end at which the next page is fetched

const KINDS = {
  groups: (group) => group.members.map((member) => ({
    a: group.keep, b: member, decision: member.decision, verdict: member.verdict, reason: member.reason,
    score: member.score_to_keep, probability: member.probability, about: `kept: ${group.keep_reason}`,
  })),
  alerts: (alert) => [{
    a: alert.first, b: alert.second, decision: alert.decision, verdict: alert.verdict, reason: alert.reason,
    score: alert.score, probability: alert.probability, about: `night ${alert.night}: ${alert.kind}`,
  }],
};

/** Whether a pair is of two contents of the index, so that there is something to decide. */
export const decidable = ({ a, b }) => Boolean(a && b && a.item !== b.item);

/** Groups or alerts in one state; `changed` is called when there is more, or another pair is current. */
export class Queue {
  constructor(kind, state, changed, failed) {
    Object.assign(this, { kind, state, changed, failed, entries: [], pairs: [], at: 0, facts: {}, cursor: null, ended: false });
    this.stop = new AbortController();
  }

  get current() {
    return this.pairs[this.at];
  }

  /** Fetch the next page, and say whether that went well; several calls at a time are one. */
  more() {
    this.fetching ??= this.#page()
      .then(() => true, (error) => {
        if (error.name !== "AbortError") this.failed(error);
        return false;
      })
      .finally(() => { this.fetching = null; });
    return this.fetching;
  }

  async #page() {
    const answer = await get(this.kind, { state: this.state, limit: PAGE, cursor: this.cursor }, this.stop.signal);
    const { [this.kind]: found, next, ...facts } = answer;
    this.facts = facts;
    this.cursor = next;
    this.ended = next == null;
    for (const entry of found) {
      entry.pairs = KINDS[this.kind](entry).map((pair) => ({ ...pair, entry }));
      this.entries.push(entry);
      this.pairs.push(...entry.pairs);
    }
    this.changed();
  }

  /** Go to a pair, where it is one. */
  go(at) {
    if (at < 0 || at >= this.pairs.length) return;
    this.at = at;
    this.changed();
    if (at > this.pairs.length - AHEAD && !this.ended) this.more();
  }

  /** Go to the next pair that waits, and say whether there is one. */
  async goOn() {
    const waits = (pair) => this.state === "decided" || (!pair.decision && decidable(pair));
    let next;
    do next = this.pairs.findIndex((pair, at) => at > this.at && waits(pair));
    while (next < 0 && !this.ended && await this.more());
    if (next >= 0) this.go(next);
    else this.changed();
    return next >= 0;
  }

  /** Note what counts of a pair now, wherever it stands in the queue; and what that does to the progress. */
  note(a, b, verdict) {
    for (const pair of this.pairs) {
      if (!decidable(pair) || ![a, b].includes(pair.a.item) || ![a, b].includes(pair.b.item)) continue;
      const before = isDecided(pair.entry);
      pair.decision = verdict;
      const change = isDecided(pair.entry) - before;
      this.facts.decided += change;
      this.facts.open -= change;
    }
  }
}

/** Whether all of an entry that can be decided is. */
export const isDecided = ({ pairs }) => {
  const open = pairs.filter(decidable);
  return open.length > 0 && open.every((pair) => pair.decision);
};
