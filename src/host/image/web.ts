/** The type `web`: nginx answers on port 80 with a page that names the server, until its owner puts an index.html in /var/www/html. */
import type { Layer } from './recipe.ts';

// IPv4 alone: where the kernel has no IPv6, a `listen [::]:80` keeps nginx from starting.
const site = `# The first site of a new server: edit it, or remove its link in sites-enabled and add your own.
server {
	listen 80 default_server;
	server_name _;
	root /var/www/html;
	# welcome.shtml is shown until there is an index.html.
	index index.html index.htm welcome.shtml;

	location / {
		try_files $uri $uri/ =404;
	}
	location ~ \\.shtml$ {
		ssi on;
	}
}
`;

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><!--# echo var="hostname" --></title>
<style>body { font: 1.1em/1.5 system-ui, sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em; color-scheme: light dark }</style>
<h1><!--# echo var="hostname" --></h1>
<p>nginx answers here. Put your own <code>index.html</code> in <code>/var/www/html</code> and this page goes away.</p>
</html>
`;

export const webLayer: Layer = {
  name: 'web',
  packages: ['nginx'],
  files: [
    { path: '/etc/nginx/sites-available/welcome', content: site },
    { path: '/var/www/html/welcome.shtml', content: page },
  ],
  absent: ['/etc/nginx/sites-enabled/default', '/var/www/html/index.nginx-debian.html'],
  enabled: ['nginx.service'],
  masked: [],
  commands: [
    ['ln', '-sfn', '/etc/nginx/sites-available/welcome', '/etc/nginx/sites-enabled/welcome'],
    ['nginx', '-t', '-q'],
  ],
};
