// The one connection to the monitor: shows the token, hands on pictures, comes back when it is cut.

const WRONG = 4401, WAIT = 4429, BUSY = 4503;
const FIRST_S = 0.5, LONGEST_S = 4, SILENT_S = 3, PATIENCE_S = 60;

export class Link {
  /**
   * @param {{picture: Function, refused: Function, kept: Function, over: Function}} hooks
   * picture(told): one has come. refused(why): the token is wrong. kept(why): the monitor lets nobody in just
   * now; "" when it does not answer either. over(): it has not answered for a minute. The token goes to whoever
   * listens there, so that it is not shown for ever: a person has to ask for more with `open`.
   */
  constructor(hooks) {
    Object.assign(this, { hooks, socket: null, heardAt: -Infinity });
    setInterval(() => this.watch(), 500);
  }

  open(token) {
    this.token = token;
    this.waitS = FIRST_S;
    this.answeredAt = performance.now();
    this.connect();
  }

  connect() {
    const socket = new WebSocket(`ws://${location.host}/live`);
    this.socket = socket;
    this.triedAt = performance.now();
    socket.onopen = () => socket.send(JSON.stringify({ token: this.token }));
    socket.onmessage = (event) => {
      this.heardAt = this.answeredAt = performance.now();
      this.waitS = FIRST_S;
      this.hooks.picture(JSON.parse(event.data));
    };
    socket.onclose = (event) => this.closed(event.code, event.reason);
  }

  closed(code, reason) {
    this.socket = null;
    if (code === WRONG) {
      this.hooks.refused("That is not the token. A monitor that was started anew has a new one.");
      return;
    }
    let waitS = this.waitS;
    this.waitS = Math.min(LONGEST_S, this.waitS * 2);
    if (code === WAIT || code === BUSY) this.answeredAt = performance.now();
    if (code === WAIT) waitS = Number(reason) || LONGEST_S;
    this.hooks.kept(code === WAIT ? `wrong tokens came from this address, wait ${waitS} s` : code === BUSY ? reason : "");
    if ((performance.now() - this.answeredAt) / 1000 > PATIENCE_S) this.hooks.over();
    else setTimeout(() => this.connect(), waitS * 1000);
  }

  /** A line that was cut without a word is not told by the browser for minutes; pictures come 20 times a second. */
  watch() {
    if (!this.socket || performance.now() - Math.max(this.heardAt, this.triedAt) < SILENT_S * 1000) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.closed(0, "");
  }

  /** Seconds since the last picture. */
  get ageS() { return (performance.now() - this.heardAt) / 1000; }

  /** Whether it could be sent. */
  ask(what) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(what));
    return true;
  }
}
