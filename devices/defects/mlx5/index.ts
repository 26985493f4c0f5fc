import type { Defect } from '../defect.ts';
import { MLX5_CONTROL } from './control.ts';
import { MLX5_MEMORY } from './memory.ts';
import { MLX5_QUEUES } from './queues.ts';
import { MLX5_SIGNS } from './signs.ts';

/** Wrong mlx5 drivers. */
export const MLX5_DEFECTS: readonly Defect[] = [
  ...MLX5_QUEUES,
  ...MLX5_MEMORY,
  ...MLX5_CONTROL,
  ...MLX5_SIGNS,
];
