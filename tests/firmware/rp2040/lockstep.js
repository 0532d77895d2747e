// A Raspberry Pi Pico for a test: node lockstep.js PROGRAM.uf2
//
// Each line of JSON on stdin is answered by one on stdout; times are in microseconds of the chip's own clock.
//   {"power": true}                  from cold
//   {"run": us, "send": hex}         -> {"now": us, "received": hex, "edges": [[us, pin, level], ...],
//                                        "busy": cycles awake, "interrupt": cycles of the longest}
//   {"pin": number, "level": bool}   what drives an input
//   {"jump": address, "masked": bool}   the processor goes on from there, with interrupts or without
// Levels of edges: 1 high, 0 low, null not driven by the chip. The line has 115200 baud both ways.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { RP2040, GPIOPinState } from 'rp2040js';

const FLASH = 0x10000000;
const BOOT_AT = 0x20041f00; // where the ROM copies the first 256 bytes
const WATCHDOG = 0x40058;
const REASON_TIMER = 1;
const BYTE_NS = 1e10 / 115200;
const LACKING = /Unimplemented peripheral write to 0x34/; // the simulator's UART has no choice of levels
const SERVO_PINS = [2, 3, 4, 5, 6, 7, 8, 9];
const PINS_WITH_PULL_UP = [10, 11, 12];

function flashOf(uf2) {
  const flash = new Uint8Array(2 ** 21).fill(0xff);
  const view = new DataView(uf2.buffer, uf2.byteOffset, uf2.length);
  const blocks = uf2.length / 512;
  for (let number = 0; number < blocks; number++) {
    const [magic, second, flags, address, size, own, count, family] = Array.from({ length: 8 }, (_, i) =>
      view.getUint32(number * 512 + 4 * i, true),
    );
    const end = view.getUint32(number * 512 + 508, true);
    const right = magic === 0x0a324655 && second === 0x9e5d5157 && end === 0x0ab16f30;
    if (!right || flags !== 0x2000 || family !== 0xe48bff56 || own !== number || count !== blocks) {
      throw new Error(`block ${number} is no UF2 for an RP2040`);
    }
    flash.set(uf2.subarray(number * 512 + 32, number * 512 + 32 + size), address - FLASH);
  }
  return flash;
}

// As the ROM does it: a wrong one means that the flash holds no program.
function checksum(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = (crc >>> 31) ^ ((byte >> bit) & 1);
      crc = (crc << 1) ^ (carry ? 0x04c11db7 : 0);
    }
  }
  return crc >>> 0;
}

class Board {
  constructor(flash) {
    this.flash = flash;
    this.beforeNs = 0; // of chips before this one
    this.power();
  }

  get nowNs() {
    return this.beforeNs + (this.chip ? this.chip.clock.nanos : 0);
  }

  power() {
    this.driven = new Map(PINS_WITH_PULL_UP.map((pin) => [pin, pin !== 10])); // the switch is closed
    this.incoming = [];
    this.outgoing = [];
    this.sentUntilNs = 0;
    this.edges = [];
    this.inInterrupt = this.longestInterrupt = 0;
    this.start(0);
  }

  start(reason) {
    const nowNs = this.nowNs;
    const outputs = this.chip ? SERVO_PINS.filter((pin) => this.chip.gpio[pin].value < GPIOPinState.Input) : [];
    this.edges.push(...outputs.map((pin) => [nowNs / 1000, pin, null]));
    this.beforeNs = nowNs;
    const chip = (this.chip = new RP2040());
    const complain = (what, message) => LACKING.test(message) || console.error(what, message);
    chip.logger = { debug() {}, info() {}, warn: complain, error: complain };
    chip.flash.set(this.flash);
    const watchdog = chip.peripherals[WATCHDOG];
    watchdog.reason = reason;
    watchdog.onWatchdogTrigger = () => {
      watchdog.timer.enable = false; // else it triggers again at once, without end
      this.bitten = true;
    };
    this.bitten = false;
    for (const pin of SERVO_PINS) {
      chip.gpio[pin].addListener((state) => {
        const level = state === GPIOPinState.High ? 1 : state === GPIOPinState.Low ? 0 : null;
        this.edges.push([this.nowNs / 1000, pin, level]);
      });
    }
    this.driven.forEach((level, pin) => chip.gpio[pin].setInputValue(level));
    chip.uart[0].onByte = (byte) => {
      this.sentUntilNs = Math.max(this.sentUntilNs, this.nowNs) + BYTE_NS;
      this.outgoing.push([this.sentUntilNs, byte]);
    };
    this.feeder = chip.clock.createAlarm(() => this.feed());
    if (this.incoming.length) {
      this.feeder.schedule(BYTE_NS);
    } else {
      this.feeding = false;
    }
    const boot = this.flash.subarray(0, 256);
    if (checksum(boot.subarray(0, 252)) !== new DataView(boot.slice().buffer).getUint32(252, true)) {
      throw new Error('the ROM finds no program: wrong checksum');
    }
    chip.sram.set(boot, BOOT_AT - 0x20000000);
    chip.core.SP = BOOT_AT;
    chip.core.PC = BOOT_AT;
  }

  send(bytes) {
    this.incoming.push(...bytes);
    if (this.incoming.length && !this.feeding) {
      this.feeding = true;
      this.feeder.schedule(BYTE_NS);
    }
  }

  feed() {
    this.chip.uart[0].feedByte(this.incoming.shift());
    this.feeding = this.incoming.length > 0;
    if (this.feeding) {
      this.feeder.schedule(BYTE_NS);
    }
  }

  run(us) {
    const endNs = this.nowNs + us * 1000;
    let busy = 0;
    while (this.nowNs < endNs) {
      const { clock, core, clkSys } = this.chip;
      if (core.waiting) {
        clock.tick(Math.min(clock.nanosToNextAlarm, endNs - this.nowNs));
      } else {
        const cycles = core.executeInstruction();
        clock.tick((cycles * 1e9) / clkSys);
        busy += cycles;
        this.inInterrupt = core.IPSR ? this.inInterrupt + cycles : 0;
        this.longestInterrupt = Math.max(this.longestInterrupt, this.inInterrupt);
      }
      if (this.bitten) {
        this.start(REASON_TIMER);
      }
    }
    const edges = this.edges.splice(0);
    const arrived = this.outgoing.filter(([at]) => at <= this.nowNs);
    this.outgoing.splice(0, arrived.length);
    const received = Buffer.from(arrived.map(([, byte]) => byte)).toString('hex');
    return { now: this.nowNs / 1000, received, edges, busy, interrupt: this.longestInterrupt };
  }

  set(pin, level) {
    this.driven.set(pin, level);
    this.chip.gpio[pin].setInputValue(level);
  }
}

const board = new Board(flashOf(readFileSync(process.argv[2])));
for await (const line of createInterface({ input: process.stdin })) {
  const wanted = JSON.parse(line);
  let answer = {};
  if ('power' in wanted) {
    board.power();
  } else if ('run' in wanted) {
    board.send(Buffer.from(wanted.send, 'hex'));
    answer = board.run(wanted.run);
  } else if ('pin' in wanted) {
    board.set(wanted.pin, wanted.level);
  } else {
    board.chip.core.waiting = false;
    board.chip.core.PC = wanted.jump;
    board.chip.core.PM = wanted.masked;
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
