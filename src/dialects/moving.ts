/**
 * What to change in an application of each vendor so that it speaks to us: one source for `waypost keys create --dialect` and for the
 * README. `{url}` is the gateway's address, `{host}` that without its scheme, `{key}` the key; `{id}` and `{secret}` stand for it where
 * clients sign.
 */

export interface Move {
  /** A language, or a framework. */
  for: string
  /** What to write. */
  set: string
}

export interface Moving {
  /** What the vendor's clients, and people, expect a key to begin with. */
  prefix?: string
  moves: readonly Move[]
}

/** Any application that sends by SMTP, whoever its vendor was. */
const bySmtp: Move = { for: 'SMTP', set: 'host {host}, port 587 (STARTTLS), any user name, password {key}' }

/** By the names of dialects. */
export const moving: Readonly<Record<string, Moving>> = {
  ahasend: {
    prefix: 'aha-sk-',
    moves: [{ for: 'HTTP', set: 'POST {url}/v2/accounts/<uuid>/messages, Authorization: Bearer {key}' }],
  },
  'amazon-ses': {
    moves: [
      {
        for: 'every AWS SDK',
        set: 'AWS_ENDPOINT_URL_SESV2={url} AWS_ENDPOINT_URL_SES={url} AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret}',
      },
      { for: 'Node', set: "new SESv2Client({ endpoint: '{url}', region, credentials })" },
      { for: 'Python', set: "boto3.client('sesv2', endpoint_url='{url}')" },
      { for: 'PHP', set: "new SesV2Client(['endpoint' => '{url}', …])" },
      { for: 'Ruby', set: "Aws::SESV2::Client.new(endpoint: '{url}')" },
      { for: 'Go', set: 'sesv2.NewFromConfig(cfg, func(o *sesv2.Options) { o.BaseEndpoint = aws.String("{url}") })' },
      { for: 'Laravel', set: "config/services.php: 'ses' => ['endpoint' => '{url}', …]" },
      { for: 'Symfony', set: 'MAILER_DSN=ses+api://{id}:{secret}@{host}' },
      { for: 'Rails', set: "aws-actionmailer-ses: ses_settings = { endpoint: '{url}' }" },
      { for: 'Django', set: "ANYMAIL = {'AMAZON_SES_CLIENT_PARAMS': {'endpoint_url': '{url}'}}" },
      {
        for: 'Nodemailer',
        set: "createTransport({ SES: { sesClient: new SESv2Client({ endpoint: '{url}' }), SendEmailCommand } })",
      },
    ],
  },
  brevo: {
    prefix: 'xkeysib-',
    moves: [
      { for: 'Node', set: "new BrevoClient({ apiKey: '{key}', baseUrl: '{url}/v3' })" },
      { for: 'Python', set: "configuration.host = '{url}/v3'" },
      { for: 'PHP', set: "$configuration->setHost('{url}/v3')" },
      { for: 'Symfony', set: 'MAILER_DSN=brevo+api://{key}@{host}' },
      { for: 'Django', set: "ANYMAIL = {'BREVO_API_KEY': '{key}', 'BREVO_API_URL': '{url}/v3/'}" },
    ],
  },
  mailersend: {
    prefix: 'mlsn.',
    moves: [
      { for: 'Node', set: "mailerSend.email.baseUrl = '{url}/v1'" },
      {
        for: 'PHP',
        set: "new MailerSend(['api_key' => '{key}', 'host' => '{host}', 'protocol' => 'https', 'api_path' => 'v1'])",
      },
      { for: 'Symfony', set: 'MAILER_DSN=mailersend+api://{key}@{host}' },
      { for: 'Django', set: "ANYMAIL = {'MAILERSEND_API_TOKEN': '{key}', 'MAILERSEND_API_URL': '{url}/v1/'}" },
    ],
  },
  mailgun: {
    prefix: 'key-',
    moves: [
      { for: 'Node', set: "mailgun.client({ username: 'api', key: '{key}', url: '{url}' })" },
      { for: 'Python', set: "requests.post('{url}/v3/<domain>/messages', auth=('api', '{key}'), …)" },
      { for: 'PHP', set: "Mailgun::create('{key}', '{url}')" },
      { for: 'Ruby', set: "Mailgun::Client.new('{key}', '{host}')" },
      { for: 'Go', set: 'mg.SetAPIBase("{url}")' },
      { for: 'Laravel', set: 'MAILGUN_ENDPOINT={host} MAILGUN_SECRET={key}' },
      { for: 'Symfony', set: 'MAILER_DSN=mailgun+https://{key}:<domain>@{host}' },
      { for: 'Rails', set: "mailgun_settings = { api_key: '{key}', domain: '<domain>', api_host: '{host}' }" },
      { for: 'Django', set: "ANYMAIL = {'MAILGUN_API_KEY': '{key}', 'MAILGUN_API_URL': '{url}/v3'}" },
      { for: 'Nodemailer', set: "mailgunTransport({ auth: { api_key: '{key}', domain: '<domain>' }, url: '{url}' })" },
      { for: 'Ghost', set: 'bulkEmail.mailgun: { baseUrl: {url}/v3, apiKey: {key}, domain: <domain> }' },
    ],
  },
  mailjet: {
    moves: [
      { for: 'Node', set: "new Mailjet({ apiKey: 'waypost', apiSecret: '{key}', config: { host: '{host}' } })" },
      { for: 'Python', set: "Client(auth=('waypost', '{key}'), version='v3.1', api_url='{url}/')" },
      { for: 'PHP', set: "new Client('waypost', '{key}', true, ['url' => '{host}', 'version' => 'v3.1'])" },
      { for: 'Ruby', set: "Mailjet.configure { |config| config.end_point = '{url}' }" },
      { for: 'Go', set: 'mailjet.NewMailjetClient("waypost", "{key}", "{url}")' },
      { for: 'Symfony', set: 'MAILER_DSN=mailjet+api://waypost:{key}@{host}' },
      { for: 'Django', set: "ANYMAIL = {'MAILJET_SECRET_KEY': '{key}', 'MAILJET_API_URL': '{url}/v3.1/'}" },
    ],
  },
  mailtrap: {
    moves: [
      { for: 'Node', set: "client.determineHost = () => '{url}'" },
      { for: 'Python', set: "MailtrapClient(token='{key}', api_host='{host}')" },
      { for: 'Ruby', set: "Mailtrap::Client.new(api_key: '{key}', api_host: '{host}')" },
      { for: 'Symfony', set: 'MAILER_DSN=mailtrap+api://{key}@{host}' },
      { for: 'Django', set: "ANYMAIL = {'MAILTRAP_API_TOKEN': '{key}', 'MAILTRAP_API_URL': '{url}/api/'}" },
    ],
  },
  mandrill: {
    prefix: 'md-',
    moves: [
      { for: 'Node', set: "client = mandrill('{key}'); client.basePath = '{url}/api/1.3'" },
      { for: 'Python', set: "mandrill.ROOT = '{url}/api/1.0/'" },
      { for: 'Symfony', set: 'MAILER_DSN=mandrill+api://{key}@{host}' },
      { for: 'Django', set: "ANYMAIL = {'MANDRILL_API_KEY': '{key}', 'MANDRILL_API_URL': '{url}/api/1.0'}" },
    ],
  },
  postmark: {
    moves: [
      { for: 'Node', set: "new ServerClient('{key}', { requestHost: '{host}' })" },
      { for: 'Python', set: "requests.post('{url}/email', headers={'X-Postmark-Server-Token': '{key}'}, …)" },
      { for: 'PHP', set: "PostmarkClient::$BASE_URL = '{url}'" },
      { for: 'Ruby', set: "Postmark::ApiClient.new('{key}', host: '{host}')" },
      { for: 'Go', set: 'client.BaseURL = "{url}"' },
      { for: 'Symfony', set: 'MAILER_DSN=postmark+api://{key}@{host}' },
      { for: 'Rails', set: "postmark_settings = { api_token: '{key}', host: '{host}' }" },
      { for: 'Django', set: "ANYMAIL = {'POSTMARK_SERVER_TOKEN': '{key}', 'POSTMARK_API_URL': '{url}/'}" },
      { for: 'Laravel', set: 'MAIL_MAILER=smtp (its own driver has a fixed host)' },
    ],
  },
  resend: {
    prefix: 're_',
    moves: [
      { for: 'Node, PHP, Go, Laravel', set: 'RESEND_BASE_URL={url} RESEND_API_KEY={key}' },
      { for: 'Python', set: 'RESEND_API_URL={url} RESEND_API_KEY={key}' },
      { for: 'Ruby', set: "Resend::Request::BASE_URL = '{url}/'" },
      { for: 'Symfony', set: 'MAILER_DSN=resend+api://{key}@{host}' },
      { for: 'Django', set: "ANYMAIL = {'RESEND_API_KEY': '{key}', 'RESEND_API_URL': '{url}/'}" },
    ],
  },
  sendgrid: {
    prefix: 'SG.',
    moves: [
      { for: 'Node', set: "sgMail.setApiKey('{key}'); sgMail.client.setDefaultRequest('baseUrl', '{url}')" },
      { for: 'Python', set: "SendGridAPIClient('{key}', host='{url}')" },
      { for: 'PHP', set: "new \\SendGrid('{key}', ['host' => '{url}'])" },
      { for: 'Ruby', set: "SendGrid::API.new(api_key: '{key}', host: '{url}')" },
      { for: 'Go', set: 'client := sendgrid.NewSendClient("{key}"); client.Request.BaseURL = "{url}/v3/mail/send"' },
      { for: 'Symfony', set: 'MAILER_DSN=sendgrid+api://{key}@{host}' },
      { for: 'Rails', set: "sendgrid_actionmailer_settings = { api_key: '{key}', host: '{url}' }" },
      { for: 'Django', set: "ANYMAIL = {'SENDGRID_API_KEY': '{key}', 'SENDGRID_API_URL': '{url}/v3/'}" },
    ],
  },
  sparkpost: {
    moves: [
      { for: 'Node', set: "new SparkPost('{key}', { origin: '{url}' })" },
      { for: 'Python', set: "SparkPost('{key}', '{url}')" },
      { for: 'PHP', set: "new SparkPost($http, ['key' => '{key}', 'host' => '{host}'])" },
      { for: 'Go', set: 'sparkpost.Config{BaseUrl: "{url}", ApiKey: "{key}", ApiVersion: 1}' },
      { for: 'Django', set: "ANYMAIL = {'SPARKPOST_API_KEY': '{key}', 'SPARKPOST_API_URL': '{url}/api/v1'}" },
      { for: 'Nodemailer', set: "sparkPostTransport({ sparkPostApiKey: '{key}', origin: '{url}' })" },
    ],
  },
}

/** The lines with everything in its place. */
export function moved(name: string, values: { url: string; key: string; id?: string; secret?: string }): Move[] {
  const all: Record<string, string> = { ...values, host: values.url.replace(/^https?:\/\//, '') }
  return [...(moving[name]?.moves ?? []), bySmtp].map((move) => ({
    for: move.for,
    set: move.set.replace(/\{(url|host|key|id|secret)\}/g, (_, what: string) => all[what] ?? ''),
  }))
}
