// The editor of the graph's text: marks faults while one types, shows what would change, and applies it.
import { $, api, make, studio, toast } from './app.js';

export class Editor {
  #timer = null; #asked = 0; #faults = []; #run = null;
  isEdited = false;

  constructor() {
    $('text').addEventListener('input', () => { this.isEdited = true; this.#number(); this.#later(); });
    $('text').addEventListener('scroll', () => { $('gutter').scrollTop = $('text').scrollTop; });
    $('text').addEventListener('keydown', event => {
      // Tab is left to the browser, which moves on to the next control.
      if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') { event.preventDefault(); this.#change(true); }
    });
    $('revert').addEventListener('click', () => this.load(true));
    $('dry').addEventListener('click', () => this.#change(true));
    $('apply').addEventListener('click', () => this.#change(false));
  }

  /// Fetches the running graph's text, unless the one here is being edited.
  async load(isForced = false) {
    // The text may hold passwords: an address that may only look on does not get it, and has no editor.
    if (!studio.isControl) return;
    if (this.isEdited && this.#run === api.run && !isForced) return;
    try {
      const graph = await api.get('/graph');
      $('text').value = graph.text;
      [this.isEdited, this.#run] = [false, api.run];
      $('difference').hidden = true;
      this.#number();
      this.#check();
    } catch (error) { $('fault-summary').textContent = error.message; }
  }

  #number() {
    const marks = new Map(this.#faults.map(fault => [fault.line, fault.severity === 'error' ? 'fault' : 'warning']));
    const count = $('text').value.split('\n').length;
    $('gutter').replaceChildren(...Array.from({ length: count }, (_, index) => {
      const mark = marks.get(index + 1);
      return make('span', { class: mark }, `${mark ? '● ' : ''}${index + 1}\n`);
    }));
    $('gutter').scrollTop = $('text').scrollTop;
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), 250);
  }

  async #check() {
    const number = ++this.#asked;
    let answer;
    try {
      answer = await api.call('POST', api.of('/check'), $('text').value, 'application/yaml');
    } catch (error) { $('fault-summary').textContent = error.message; return; }
    if (number !== this.#asked) return;
    this.#faults = answer.faults;
    const warnings = answer.faults.length - answer.errors;
    $('fault-summary').textContent = answer.errors
      ? `${answer.errors} ${answer.errors === 1 ? 'fault' : 'faults'}: this cannot be applied.`
      : warnings ? `No faults, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}.` : 'No faults.';
    $('apply').disabled = answer.errors > 0;
    $('faults').replaceChildren(...answer.faults.slice(0, 20).map(fault => make('li', {},
      make('button', { onclick: () => this.#go(fault.line), 'aria-label': `Go to line ${fault.line}` }, `${fault.line}`),
      make('span', { class: fault.severity }, fault.message), fault.hint ? ` – ${fault.hint}` : '')));
    this.#number();
  }

  #go(line) {
    const lines = $('text').value.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    $('text').focus();
    $('text').setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    const height = parseFloat(getComputedStyle($('text')).lineHeight);
    $('text').scrollTop = Math.max(0, (line - 6) * height);
  }

  async #change(isDry) {
    const text = $('text').value;
    const shown = $('difference');
    shown.hidden = false;
    shown.textContent = isDry ? 'Asking …' : 'Applying …';
    try {
      // The difference is shown before it is applied.
      const dry = await api.post('/apply', { text, dry: true });
      shown.textContent = dry.notes.length ? dry.notes.join('\n') : 'Nothing differs.';
      if (isDry || !dry.notes.length) return;
      const done = await api.post('/apply', { text });
      shown.textContent = `${done.notes.join('\n')}\n${done.done}`;
      this.isEdited = false;
      toast('Applied: the run follows this text now.');
    } catch (error) {
      shown.textContent = [...(error.notes ?? []), error.message].join('\n');
      if (!isDry) toast('Nothing was changed.', true);
    }
  }
}
