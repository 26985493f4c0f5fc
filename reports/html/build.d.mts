export interface ReportClient {
  js: string;
  css: string;
}

export declare const CLIENT_SOURCES: readonly string[];
export declare function buildReportClient(root?: string): Promise<ReportClient>;
export declare function buildReportClientSync(root?: string): ReportClient;
