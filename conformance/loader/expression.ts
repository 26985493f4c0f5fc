import jsep from 'jsep';
import { closestName } from '../../specs/virtio-1.1/features.ts';

/** Values that an expression may name. */
export interface Scope {
  [name: string]: unknown;
}

/** An expression that cannot be evaluated; the message names the cause. */
export class ExpressionError extends Error {
  readonly code = 'BAD_EXPRESSION';
}

const FUNCTIONS: Record<string, (...args: never[]) => unknown> = {
  min: (...args: number[]) => Math.min(...args),
  max: (...args: number[]) => Math.max(...args),
  floor: (x: number) => Math.floor(x),
  pow2: (x: number) => x > 0 && (x & (x - 1)) === 0,
  hex: (x: number, bytes: number) =>
    Array.from({ length: bytes }, (_, i) =>
      (Math.floor(x / 256 ** i) & 0xff).toString(16).padStart(2, '0'),
    ).join(''),
};

const BINARY: Record<string, (a: never, b: never) => unknown> = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
  '%': (a: number, b: number) => a % b,
  '==': (a: unknown, b: unknown) => a === b,
  '!=': (a: unknown, b: unknown) => a !== b,
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
  '&': (a: number, b: number) => (a & b) >>> 0,
  '|': (a: number, b: number) => (a | b) >>> 0,
  '&&': (a: unknown, b: unknown) => a && b,
  '||': (a: unknown, b: unknown) => a || b,
};

const parsed = new Map<string, jsep.Expression>();

/**
 * Evaluate an expression of the catalogue: numbers, strings, names, `device.mtu`, arithmetic, comparison, `&&`,
 * `||`, `? :`, and the functions min, max, floor, pow2, hex(value, bytes).
 * @throws ExpressionError on bad syntax, unknown names or functions
 */
export function evaluate(text: string, scope: Scope): unknown {
  return walk(parse(text), scope, text);
}

function parse(text: string): jsep.Expression {
  let tree = parsed.get(text);
  if (tree === undefined) {
    try {
      tree = jsep(text);
    } catch (error) {
      throw new ExpressionError(`cannot parse \`${text}\`: ${(error as Error).message}`);
    }
    parsed.set(text, tree);
  }
  return tree;
}

/**
 * Check an expression without values: syntax, operators, functions, and that it names nothing but `names`
 * and, as members of `device`, `members`.
 * @throws ExpressionError
 */
export function checkExpression(text: string, names: readonly string[], members: readonly string[]): void {
  inspect(parse(text), text, names, members);
}

/** Expressions inside a text: what stands in `${…}`. */
export const expressionsIn = (text: string): string[] =>
  Array.from(text.matchAll(PART), ([, expression]) => expression);

const notKnown = (name: string, text: string, known: readonly string[]) => {
  const near = closestName(name, [...known]);
  return new ExpressionError(
    `\`${name}\` in \`${text}\` is not known here; ${near ? `did you mean ${near}?` : `known: ${known.join(', ')}`}`,
  );
};

// biome-ignore lint/suspicious/noExplicitAny: jsep nodes are loosely typed
function inspect(node: any, text: string, names: readonly string[], members: readonly string[]): void {
  const inner = (child: unknown) => inspect(child, text, names, members);
  switch (node.type) {
    case 'Literal':
      return;
    case 'Identifier':
      if (!names.includes(node.name)) throw notKnown(node.name, text, names);
      return;
    case 'MemberExpression':
      inner(node.object);
      if (node.computed) inner(node.property);
      else if (node.object.name === 'device' && !members.includes(node.property.name))
        throw notKnown(node.property.name, text, members);
      return;
    case 'ArrayExpression':
      node.elements.forEach(inner);
      return;
    case 'UnaryExpression':
      inner(node.argument);
      return;
    case 'ConditionalExpression':
      [node.test, node.consequent, node.alternate].forEach(inner);
      return;
    case 'LogicalExpression':
    case 'BinaryExpression':
      if (!(node.operator in BINARY))
        throw new ExpressionError(`operator ${node.operator} in \`${text}\` is not supported`);
      [node.left, node.right].forEach(inner);
      return;
    case 'CallExpression':
      if (!(node.callee?.name in FUNCTIONS))
        throw notKnown(String(node.callee?.name), text, Object.keys(FUNCTIONS));
      node.arguments.forEach(inner);
      return;
    default:
      throw new ExpressionError(`\`${text}\` is not an expression of the catalogue`);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: jsep nodes are loosely typed
function walk(node: any, scope: Scope, text: string): unknown {
  switch (node.type) {
    case 'Literal':
      return node.value;
    case 'Identifier':
      if (!(node.name in scope))
        throw new ExpressionError(
          `\`${node.name}\` in \`${text}\` is not known here; known: ${Object.keys(scope).join(', ')}`,
        );
      return scope[node.name];
    case 'MemberExpression': {
      const object = walk(node.object, scope, text) as Scope | undefined;
      const key = node.computed ? String(walk(node.property, scope, text)) : node.property.name;
      if (object === undefined || object === null || !(key in object))
        throw new ExpressionError(
          `\`${key}\` in \`${text}\` is not known here; known: ${Object.keys(object ?? {}).join(', ')}`,
        );
      return object[key];
    }
    case 'ArrayExpression':
      return node.elements.map((element: unknown) => walk(element, scope, text));
    case 'UnaryExpression': {
      const value = walk(node.argument, scope, text);
      return node.operator === '!' ? !value : -(value as number);
    }
    case 'ConditionalExpression':
      return walk(walk(node.test, scope, text) ? node.consequent : node.alternate, scope, text);
    case 'LogicalExpression':
    case 'BinaryExpression': {
      const apply = BINARY[node.operator];
      if (apply === undefined)
        throw new ExpressionError(`operator ${node.operator} in \`${text}\` is not supported`);
      const left = walk(node.left, scope, text);
      // What is decided needs no right side, which may name a field that only some devices have.
      if ((node.operator === '||' && left) || (node.operator === '&&' && !left)) return left;
      return apply(left as never, walk(node.right, scope, text) as never);
    }
    case 'CallExpression': {
      const name = node.callee?.name;
      if (!(name in FUNCTIONS))
        throw new ExpressionError(
          `function ${name} in \`${text}\` is not known; known: ${Object.keys(FUNCTIONS).join(', ')}`,
        );
      return FUNCTIONS[name](...(node.arguments.map((arg: unknown) => walk(arg, scope, text)) as never[]));
    }
    default:
      throw new ExpressionError(`\`${text}\` is not an expression of the catalogue`);
  }
}

const WHOLE = /^\$\{([^}]*)\}$/;
const PART = /\$\{([^}]*)\}/g;

/** Replace every `${…}` in strings of `value`, deeply. A string that is one expression takes its type. */
export function fillIn(value: unknown, scope: Scope): unknown {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    const whole = WHOLE.exec(value);
    if (whole) return evaluate(whole[1], scope);
    return value.replace(PART, (_, text) => String(evaluate(text, scope)));
  }
  if (Array.isArray(value)) return value.map((item) => fillIn(item, scope));
  if (typeof value === 'object' && value !== null) {
    const filled: Record<string, unknown> = {};
    for (const key in value) filled[key] = fillIn((value as Record<string, unknown>)[key], scope);
    return filled;
  }
  return value;
}
