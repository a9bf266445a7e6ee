// On stage: the result, the camera, portraits, decoders, live settings, outputs.
import { $, api, make, ms, onStatus, studio, toast } from './app.js';
import { Camera } from './camera.js';
import { Live } from './live.js';

/// The output that an audience sees: the last one that feeds pictures to a sink, a decoder's first of all.
function mainOutput(view) {
  const pictures = view.edges.filter(edge => edge.meaning === 'rgb');
  const sinks = new Set(view.nodes.filter(node => node.is_sink).map(node => node.name));
  const last = pictures.filter(edge => sinks.has(edge.to.split('.')[0]));
  const byDecoder = last.find(edge => /decoder/.test(view.nodes.find(node => node.name === edge.from.split('.')[0])?.kind ?? ''));
  return (byDecoder ?? last[last.length - 1] ?? pictures[pictures.length - 1])?.from ?? null;
}

/// The outputs that carry pictures, each once.
const outputs = view => [...new Set(view.edges.filter(edge => edge.meaning === 'rgb').map(edge => edge.from))];

const rate = kbit => kbit >= 1000 ? `${(kbit / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbit)} kbit/s`;

export class Stage {
  #view = null; #output = null; #graph = null; #kinds = []; #shape = '';
  live = null; camera = null;

  constructor() {
    onStatus(view => this.#take(view));
    $('watch').addEventListener('change', () => { this.#output = $('watch').value; this.#watch(); });
    $('camera-button').addEventListener('click', () => this.#toggleCamera());
    $('record-button').addEventListener('click', () => this.#record());
    // Not a submit button: Enter in the form would press the first one.
    $('consent-back').addEventListener('click', () => $('consent').close(''));
    $('compare-button').addEventListener('click', () => this.#compare());
    $('flush-button').addEventListener('click', () => this.#order('/flush', {}));
    $('portrait-file').addEventListener('change', event => { this.#upload(event.target.files[0]); event.target.value = ''; });
    addEventListener('paste', event => {
      const file = [...event.clipboardData.files].find(file => file.type.startsWith('image/'));
      if (file) this.#upload(file);
    });
    addEventListener('dragover', event => { event.preventDefault(); $('drop').hidden = !studio.isControl; });
    addEventListener('dragleave', event => { if (!event.relatedTarget) $('drop').hidden = true; });
    addEventListener('drop', event => {
      event.preventDefault();
      $('drop').hidden = true;
      const file = event.dataTransfer.files[0];
      if (file) this.#upload(file);
    });
    setInterval(() => this.#figures(), 500);
  }

  /// A run was chosen, or chosen again.
  async begin() {
    studio.live = this.live ??= new Live($('result'));
    this.live.onstate = isOpen => { this.#isCut = !isOpen; };
    this.#view = studio.view = await api.get('');
    this.#output = mainOutput(this.#view);
    this.#kinds = await api.call('GET', '/kinds').catch(() => []);
    this.#choices();
    this.#watch();
    await this.#refresh();
  }

  #isCut = false;

  /// What stands in the place of a picture, or beside the last one when none comes any more.
  #note() {
    const { player } = this.live ?? {};
    if (!this.#view || !player) return 'Connecting …';
    if (this.#isCut) return 'The connection to the studio is lost. This page tries again; the run goes on.';
    if (!this.#output) return 'This graph has no pictures to show.';
    if (player.painted && performance.now() - player.painted < 2000) return '';
    if (this.#hasCamera && studio.isControl && !this.camera?.isOn) return 'Start the camera, and the portrait follows you.';
    return player.painted ? `Nothing has come from ${this.#output} for a while; the last picture stays.` : `Waiting for the first picture of ${this.#output} …`;
  }

  get #hasCamera() { return this.#view.nodes.some(node => node.kind === 'browser-camera'); }

  #choices() {
    const all = outputs(this.#view);
    if (!all.includes(this.#output)) this.#output = mainOutput(this.#view);
    $('watch').replaceChildren(...all.map(name => make('option', { value: name, selected: name === this.#output }, name)));
    $('camera-button').hidden = $('camera-source').hidden = !this.#hasCamera || !studio.isControl;
    const sender = this.#view.nodes.find(node => node.kind === 'browser-camera');
    const size = this.#graph?.settings[sender?.name];
    if (sender && this.camera) this.camera.hasSound = this.#view.edges.some(edge => edge.from === `${sender.name}.audio`);
    if (size && this.camera) Object.assign(this.camera, { width: size.width ?? 512, height: size.height ?? 512, rate: size.rate ?? 25 });
  }

  #watch() {
    if (!this.#output) return;
    this.live.watch(api.run, this.#output, this.#hasCamera && studio.isControl);
  }

  async #refresh() {
    // Settings may hold passwords: an address that may only look on does not get them.
    this.#graph = studio.isControl ? await api.get('/graph').catch(() => null) : null;
    this.#choices();
    this.#showVariants();
    this.#showSettings();
    this.#showOutputs();
    await this.#showPortraits();
  }

  #take(view) {
    this.#view = view;
    const shape = view.nodes.map(node => `${node.name}=${node.kind}/${node.swaps}`).join(' ');
    if (shape !== this.#shape && this.live) {
      this.#shape = shape;
      this.#refresh();
    }
    this.#showStates();
  }

  // MARK: Camera

  async #toggleCamera() {
    this.camera ??= new Camera(this.live);
    const { camera } = this;
    this.#choices();
    camera.onnote = text => { $('camera-note').textContent = text; };
    camera.onend = text => { this.#showCamera(); $('camera-note').textContent = text; };
    if (camera.isOn) {
      camera.stop();
      $('camera-note').textContent = '';
    } else {
      // A second click while the browser asks would start a second stream, which nobody stops.
      $('camera-button').disabled = true;
      try {
        await camera.start($('camera-source').value);
        $('camera-note').textContent = '';
      } catch (error) {
        $('camera-note').textContent = {
          NotAllowedError: 'The browser did not get leave to use the camera. Allow it beside the address, then try again.',
          NotFoundError: 'The browser finds no camera on this machine. Plug one in, or send the screen.',
          NotReadableError: 'Another program uses the camera. Close it, then try again.',
        }[error.name] ?? (navigator.mediaDevices ? `The camera cannot be used: ${error.message}` : 'Browsers give the camera only to pages from this machine or over https: use ssh -L, or nginx.');
      }
      $('camera-button').disabled = false;
    }
    this.#showCamera();
  }

  #showCamera() {
    const { camera } = this;
    $('camera-button').textContent = camera?.isOn ? 'Stop the camera' : 'Start the camera';
    $('camera-button').classList.toggle('primary', !camera?.isOn);
    $('self').hidden = !camera?.isOn;
    $('self').srcObject = camera?.stream ?? null;
    if (camera?.isOn) $('self').play().catch(() => {});
  }

  // MARK: Figures

  #figures() {
    const s = studio.stats, note = this.#note();
    if ($('screen-note').textContent !== note) $('screen-note').textContent = note;
    $('screen-note').classList.toggle('alone', !this.live?.player.painted);
    $('f-p50').textContent = ms(s.age_p50);
    $('f-p95').textContent = ms(s.age_p95);
    $('f-fps').textContent = s.fps == null ? '–' : `${s.fps.toFixed(1)} fps`;
    $('f-fresh').textContent = s.fresh ?? '–';
    $('f-repeated').textContent = s.repeated ?? '–';
    $('f-dropped').textContent = s.dropped ?? '–';
    $('f-down').textContent = s.down_kbit == null ? '–' : rate(s.down_kbit);
    const offset = this.#view?.nodes.find(node => node.figures.av_offset_ms != null)?.figures.av_offset_ms;
    $('f-sound').textContent = offset == null ? '–' : `${offset.toFixed(0)} ms`;
    $('f-up').textContent = s.up_kbit ? rate(s.up_kbit) : '–';
    const source = this.#view?.nodes.find(node => node.is_source && /camera|video-file|replay/.test(node.kind))?.name;
    const from = source ? `its capture at '${source}'` : 'its capture', clock = s.clock_ms == null ? '' : `; the clocks agree within ${s.clock_ms.toFixed(1)} ms`;
    $('f-ends').textContent = `The age of a frame is the time from ${from} until it is painted here. Measured over the last ${s.ages ?? 0} pictures${clock}. `
      + (this.#view ? `In the run: ${this.#view.frames_in} frames in, ${this.#view.frames_out} out, ${this.#view.frames_dropped} dropped.` : '');
  }

  // MARK: Portraits

  async #showPortraits() {
    const list = await api.get('/portraits').catch(error => ({ portraits: [], error: error.message }));
    const shown = list.portraits.map((portrait, index) => {
      const isChosen = portrait.name === list.current;
      const picture = make('img', { src: `/api/v1${api.of(`/portraits/${portrait.name}`)}`, alt: '', loading: 'lazy' });
      const label = portrait.name === 'original' ? 'The portrait of the graph' : `Portrait ${index}`;
      if (!studio.isControl) return isChosen ? make('span', { role: 'img', 'aria-label': label }, picture) : null;
      return make('button', {
        role: 'radio', 'aria-checked': `${isChosen}`, 'aria-label': label,
        tabindex: isChosen || (!list.current && index === 0) ? 0 : -1,
        onclick: event => this.#choosePortrait(portrait.name, event.currentTarget),
        onkeydown: event => {
          const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
          const all = [...$('portraits').children], next = all[(all.indexOf(event.currentTarget) + (step ?? 0) + all.length) % all.length];
          if (step) { event.preventDefault(); next.focus(); }
        },
      }, picture);
    }).filter(Boolean);
    $('portraits').role = studio.isControl ? 'radiogroup' : 'group';
    $('portraits').replaceChildren(...shown);
    if (!shown.length) $('portraits').append(make('p', { class: 'note' }, list.error ?? "This graph has no setting and no node 'portrait', so its portrait cannot be changed here."));
  }

  async #choosePortrait(name, button) {
    button.classList.add('wait');
    const began = performance.now();
    try {
      await api.post(`/portraits/${encodeURIComponent(name)}`, {});
      toast(`The portrait was changed in ${ms(performance.now() - began)}.`);
    } catch (error) { toast(error.message, true); }
    this.#showPortraits();
  }

  /// Who is in a picture and agreed to its use; null where the user goes back.
  #askConsent(file) {
    const box = $('consent'), name = $('consent-name'), agreed = $('consent-agreed');
    $('consent-file').textContent = file.name;
    [name.value, agreed.checked] = [sessionStorage.getItem('consent') ?? '', false];
    return new Promise(resolve => {
      box.onclose = () => resolve(box.returnValue === 'use' ? name.value.trim() : null);
      box.returnValue = '';
      box.showModal();
      name.focus();
    });
  }

  async #upload(file) {
    if (!file) return;
    if (!studio.isControl) return toast('This address may only look on: the portrait is changed at the address for control.', true);
    if (file.size > 20 * 2 ** 20) return toast(`${file.name} has ${(file.size / 2 ** 20).toFixed(0)} MB; 20 MB is the most that is taken.`, true);
    const person = await this.#askConsent(file);
    if (!person) return;
    sessionStorage.setItem('consent', person);
    const began = performance.now();
    try {
      await api.post(`/portraits?consent=${encodeURIComponent(person)}`, file, file.type || 'application/octet-stream');
      toast(`${file.name} is the portrait now, after ${ms(performance.now() - began)}.`);
    } catch (error) { toast(`${file.name} was not taken: ${error.message}`, true); }
    this.#showPortraits();
  }

  // MARK: Decoders and settings

  /// Kinds that could take a node's place: their ports are equal.
  #variants(node) {
    const mine = this.#kinds.find(kind => kind.kind === node.kind);
    const ports = kind => JSON.stringify([kind.inputs, kind.outputs].map(list => list.map(port => [port.name, port.elementType, port.meaning])));
    return mine ? this.#kinds.filter(kind => ports(kind) === ports(mine)) : [];
  }

  #showVariants() {
    const rows = this.#view.nodes.map(node => ({ node, kinds: this.#variants(node) }))
      .filter(({ node, kinds }) => kinds.length > 1 && /decoder/.test(node.kind));
    const names = rows.map(({ node }) => `'${node.name}' is ${node.kind}.`).join(' ');
    if (!studio.isControl && rows.length) return $('variants').replaceChildren(make('p', { class: 'note' }, names));
    $('variants').replaceChildren(...rows.map(({ node, kinds }) => make('div', { class: 'variant' },
      rows.length > 1 ? make('span', { class: 'note' }, node.name) : null,
      make('div', { class: 'choices', role: 'group', 'aria-label': node.name }, ...kinds.map(kind => make('button', {
        'aria-pressed': `${kind.kind === node.kind}`, title: kind.summary,
        onclick: event => this.#swap(node, kind.kind, event.currentTarget),
      }, kind.kind))))));
    $('compare-row').hidden = !rows.length || !studio.isControl;
    $('compare-with').replaceChildren(...rows.flatMap(({ node, kinds }) => kinds.filter(kind => kind.kind !== node.kind)
      .map(kind => make('option', { value: `${node.name} ${kind.kind}` }, rows.length > 1 ? `${node.name}: ${kind.kind}` : kind.kind))));
    if (!rows.length) $('variants').append(make('p', { class: 'note' }, 'This graph has no decoder that another kind could replace.'));
  }

  /// The dry run first: what is refused is refused before anything loads.
  async #swap(node, kind, button) {
    if (node.kind === kind) return;
    button.disabled = true;
    const began = performance.now();
    try {
      await api.post('/swap', { node: node.name, kind, dry: true });
      button.textContent = `${kind} …`;
      const { done } = await api.post('/swap', { node: node.name, kind });
      toast(`${done} (${ms(performance.now() - began)} in all)`);
    } catch (error) { toast(`'${node.name}' stays ${node.kind}: ${error.message}`, true); }
    button.disabled = false;
    button.textContent = kind;
  }

  /// Another kind beside the node that runs, on the same input: both pictures, and how much they differ.
  async #compare() {
    const [node, kind] = $('compare-with').value.split(' '), button = $('compare-button');
    const current = this.#view.nodes.find(item => item.name === node)?.kind;
    const output = this.#view.edges.find(edge => edge.from.startsWith(`${node}.`) && edge.meaning === 'rgb')?.from;
    let opening = null;
    button.disabled = true;
    $('compare-note').textContent = `'${kind}' is loaded beside '${current}' …`;
    const shadow = new Live($('shadow'), studio.shadow = {});
    $('shadow-label').textContent = kind;
    const look = setInterval(() => { $('shadow-box').hidden = !shadow.stats.fresh; if (shadow.stats.fresh) $('compare-note').textContent = `Left: ${current}, live. Right: ${kind}, on the same frames.`; }, 200);
    try {
      const found = api.post('/compare', { node, kind, seconds: 10 });
      // Once the request is there, the socket waits for the other's first picture.
      if (output) opening = setTimeout(() => shadow.watch(api.run, output, false, true), 200);
      $('compare-note').textContent = (await found).done;
    } catch (error) { $('compare-note').textContent = `They were not compared: ${error.message}`; }
    clearInterval(look);
    clearTimeout(opening);
    shadow.close();
    $('shadow-box').hidden = true;
    button.disabled = false;
  }

  /// Settings that change while a node runs, as sliders.
  #showSettings() {
    // Without the graph their values are not known.
    const rows = !this.#graph ? [] : this.#view.nodes.flatMap(node => (this.#kinds.find(kind => kind.kind === node.kind)?.settings ?? [])
      .filter(setting => setting.live && ['number', 'integer'].includes(setting.type) && setting.maximum != null && setting.maximum <= 1000)
      .map(setting => ({ node, setting, value: this.#graph?.settings[node.name]?.[setting.name] ?? setting.default })));
    $('live-card').hidden = !rows.length;
    $('live-settings').replaceChildren(...rows.map(({ node, setting, value }) => {
      const shown = make('output', {}, `${value}`);
      const step = setting.type === 'integer' ? 1 : (setting.maximum - (setting.minimum ?? 0)) / 100;
      const name = `${node.name}: ${setting.name}`;
      return make('label', { class: 'slider', title: setting.summary }, make('span', {}, name), shown, make('input', {
        type: 'range', min: setting.minimum ?? 0, max: setting.maximum, step, value, 'aria-label': name,
        oninput: event => { shown.textContent = event.target.value; },
        onchange: event => this.#order('/set', { values: { [`${node.name}.${setting.name}`]: event.target.value } }),
      }));
    }));
  }

  async #order(path, body) {
    try { toast((await api.post(path, body)).done); } catch (error) { toast(error.message, true); }
  }

  // MARK: Outputs

  #recording = () => this.#view?.nodes.find(node => node.name === 'recording');

  #showOutputs() {
    const sinks = this.#view.nodes.filter(node => node.is_sink);
    $('outputs').replaceChildren(...sinks.map(node => {
      const settings = this.#graph?.settings[node.name] ?? {};
      return make('li', { 'data-node': node.name },
        make('span', { class: 'what' }, node.name, make('small', {}, [node.kind, settings.path].filter(Boolean).join(' · '))),
        make('span', { class: 'badge' }, ''), make('small', { class: 'state-note' }),
        studio.isControl && sinks.length > 1 ? make('button', { onclick: () => this.#removeOutput(node.name), 'aria-label': `Stop ${node.name}` }, 'Stop') : null);
    }));
    this.#showStates();
  }

  #showStates() {
    for (const row of $('outputs').children) {
      const node = this.#view.nodes.find(node => node.name === row.dataset.node);
      const badge = row.querySelector('.badge');
      badge.textContent = node ? `${node.state}, ${node.fps.toFixed(0)} fps` : 'gone';
      badge.className = `badge ${node?.state ?? 'ended'}`;
      row.querySelector('.state-note').textContent = node?.note ?? '';
    }
    const isOn = !!this.#recording();
    $('record-button').classList.toggle('recording', isOn);
    $('record-button').setAttribute('aria-pressed', isOn);
    $('record-text').textContent = isOn ? 'Stop recording' : 'Record';
  }

  async #record() {
    $('record-button').disabled = true;
    try {
      if (this.#recording()) {
        const { path } = this.#graph?.settings.recording ?? {};
        await api.remove('/outputs/recording');
        toast(path ? `The recording is in ${path}.` : 'The recording is finished.');
      } else {
        const stamp = new Date().toISOString().replace(/[:T]/g, '-').slice(0, 19);
        await api.post('/outputs', { node: 'recording', from: this.#output, settings: { path: `personalive-${stamp}.mp4` } });
        toast(`Recording ${this.#output}.`);
      }
    } catch (error) { toast(error.message, true); }
    $('record-button').disabled = false;
  }

  async #removeOutput(name) {
    if (!confirm(`Remove '${name}' from the graph? A file that it writes is completed.`)) return;
    try { toast((await api.remove(`/outputs/${encodeURIComponent(name)}`)).done); } catch (error) { toast(error.message, true); }
  }
}
