import { LEVEL_TEXT, type Shown, STRENGTH_TEXT, VERDICT_TEXT } from '../../../view/verdicts.ts';
import { Level, Verdict } from '../parts/verdict.tsx';

/** What every word and mark means. */
export function LegendView() {
  return (
    <section class="legend">
      <h1 tabIndex={-1}>Legend</h1>
      <h2>Verdicts</h2>
      <p class="note">
        Worst first. Only pass, warn, skip and xfail let a run pass. A requirement shows its worst verdict
        over all instances that decide it.
      </p>
      <dl class="terms">
        {Object.entries(VERDICT_TEXT).map(([verdict, { meaning }]) => (
          <div key={verdict}>
            <dt>
              <Verdict verdict={verdict as Shown} />
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <h2>Levels</h2>
      <dl class="terms">
        {Object.entries(LEVEL_TEXT).map(([level, meaning]) => (
          <div key={level}>
            <dt>
              <Level level={level} />
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <h2>How a requirement is decided</h2>
      <dl class="terms">
        <Term name="cases">By cases of the catalogue that cite it.</Term>
        {Object.entries(STRENGTH_TEXT).map(([name, meaning]) => (
          <Term key={name} name={name}>
            {meaning}
          </Term>
        ))}
        <Term name="transport">
          Only over another transport than vDPA: PCI, MMIO, channel I/O or a legacy one.
        </Term>
        <Term name="outside">Not from outside the device at all; the row gives the reason.</Term>
        <Term name="proof">
          A seeded defect: a device made wrong on purpose, that the cases of the requirement are known to
          find.
        </Term>
      </dl>
      <h2>Classes of cases</h2>
      <dl class="terms">
        <Term name="conformance">The driver keeps every rule; the device has to as well.</Term>
        <Term name="resilience">
          The driver breaks a rule first. The device may ignore it, ask for a reset or stop, but it may not
          crash, hang, write where it must not, or fail to come back after a reset.
        </Term>
      </dl>
    </section>
  );
}

const Term = ({ name, children }: { name: string; children: string }) => (
  <div>
    <dt>
      <b>{name}</b>
    </dt>
    <dd>{children}</dd>
  </div>
);
