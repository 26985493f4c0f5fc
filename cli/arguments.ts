import { InvalidArgumentError } from 'commander';

/** An option that may be given several times: all of its values. */
export const collect = (value: string, all: string[] = []): string[] => [...all, value];

/** A list with commas. */
export const commas = (value: string): string[] => value.split(',').map((part) => part.trim());

/** A whole number, 0 included. @throws InvalidArgumentError */
export const whole = (value: string): number => {
  const n = Number(value);
  if (value.trim() === '' || !Number.isSafeInteger(n) || n < 0)
    throw new InvalidArgumentError('expected a whole number');
  return n;
};

/** A whole number above 0. @throws InvalidArgumentError */
export const positive = (value: string): number => {
  const n = whole(value);
  if (n === 0) throw new InvalidArgumentError('expected a number above 0');
  return n;
};
